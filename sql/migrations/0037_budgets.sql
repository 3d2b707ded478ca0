-- Placeholder of its number until its owner fills it.

SET LOCAL ROLE kolony_api;

CREATE FUNCTION kolony.budget_brief(home uuid, the_run uuid) RETURNS numeric
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT NULL::numeric $$;

RESET ROLE;
