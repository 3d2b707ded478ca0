-- Replay: the fleet, the queue and a run as of a moment.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
