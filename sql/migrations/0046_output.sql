-- Output: how it is stored and read back.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
