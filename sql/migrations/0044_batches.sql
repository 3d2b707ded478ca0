-- Batches: claims, begins and ends of many attempts in one call.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
