-- Storage parameters of tables that change all the time, so that they stay small.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
