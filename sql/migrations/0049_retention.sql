-- Retention: what is kept how long, what is archived, what is held.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
