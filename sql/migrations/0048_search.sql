-- Search in the output of a run.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
