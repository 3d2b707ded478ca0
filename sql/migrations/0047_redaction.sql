-- Redaction: secrets and common token shapes are counted where they were masked; a workspace may switch it off.

SET LOCAL ROLE kolony_owner;

RESET ROLE;
