-- Placeholder of its number until its owner fills it.

SET LOCAL ROLE kolony_api;

CREATE FUNCTION kolony.settings_brief(home uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT NULL::jsonb $$;

RESET ROLE;
