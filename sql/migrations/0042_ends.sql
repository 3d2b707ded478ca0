-- Placeholder of its number until its owner fills it.

SET LOCAL ROLE kolony_api;


RESET ROLE;
