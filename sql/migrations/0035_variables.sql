-- Placeholder of its number until its owner fills it.

SET LOCAL ROLE kolony_api;

CREATE FUNCTION kolony.variables_brief(home uuid, of_agent uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT NULL::jsonb $$;
CREATE FUNCTION kolony.memory_brief(home uuid, of_agent uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT NULL::jsonb $$;

RESET ROLE;
