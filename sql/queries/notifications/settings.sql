SELECT s.quiet_from, s.quiet_to, s.time_zone, s.bell, s.desktop, s.sound_from FROM kolony.notification_settings s
