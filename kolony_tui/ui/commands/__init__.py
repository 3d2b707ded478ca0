"""What a person can ask the app for, a module a theme: going places, work, fleet, the view itself."""
