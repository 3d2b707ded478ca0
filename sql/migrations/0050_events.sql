-- Events: what happened to agents and commands, in order.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
