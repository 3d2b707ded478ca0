-- What an agent is, changed after it was made: its type, what it is told, its runner's config.

SET LOCAL ROLE kolony_api;

-- Sets what stands in ``change``: type, category, icon, description, instructions, config (the whole of it) or
-- config_changes (keys of it; null takes one away). Answers whether anything is different now.
CREATE FUNCTION kolony.edit_agent(of_agent uuid, change jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    was kolony.agents;
    new kolony.agents;
    wrong text;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    IF jsonb_typeof(change) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a change is a JSON object' USING ERRCODE = '22023';
    END IF;
    SELECT c.key INTO wrong FROM jsonb_each(change) c
    WHERE c.key <> ALL (ARRAY['type', 'category', 'icon', 'description', 'instructions', 'config', 'config_changes'])
       OR jsonb_typeof(c.value) <> CASE WHEN c.key LIKE 'config%' THEN 'object' ELSE 'string' END
    ORDER BY c.key LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '"%" cannot be changed to that', "left"(wrong, 60) USING ERRCODE = '22023',
            HINT = 'type, category, icon, description and instructions are texts, config is an object';
    END IF;
    SELECT * INTO STRICT was FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = of_agent
    FOR NO KEY UPDATE;
    new := was;
    new.type := coalesce(change ->> 'type', was.type);
    new.category := coalesce(change ->> 'category', was.category);
    new.icon := coalesce(change ->> 'icon', was.icon);
    new.description := coalesce(change ->> 'description', was.description);
    new.instructions := coalesce(change ->> 'instructions', was.instructions);
    new.config := coalesce(change -> 'config', was.config);
    IF change ? 'config_changes' THEN
        SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') INTO new.config
        FROM jsonb_each(new.config || (change -> 'config_changes')) c
        WHERE change -> 'config_changes' -> c.key IS DISTINCT FROM 'null';
    END IF;
    IF new.type !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
        RAISE EXCEPTION 'an agent''s type is a short word of a-z, 0-9, ".", "_" and "-"' USING ERRCODE = '22023';
    END IF;
    IF length(new.category) > 100 OR length(new.icon) > 8 OR length(new.description) > 10000
       OR length(new.instructions) > 100000 OR pg_column_size(new.config) > 65536 THEN
        RAISE EXCEPTION 'that is too long' USING ERRCODE = '22023',
            HINT = 'category 100 characters, icon 8, description 10,000, instructions 100,000, config 64 KiB';
    END IF;
    IF new IS NOT DISTINCT FROM was THEN
        RETURN false;
    END IF;
    UPDATE kolony.agents a SET type = new.type, category = new.category, icon = new.icon,
        description = new.description, instructions = new.instructions, config = new.config
    WHERE a.workspace_id = home AND a.agent_id = of_agent;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
    RETURN true;
END
$$;

GRANT EXECUTE ON FUNCTION kolony.edit_agent(uuid, jsonb) TO kolony_user;
COMMENT ON FUNCTION kolony.edit_agent(uuid, jsonb) IS
    'operator: change what an agent is told, its type, its description and its config';

RESET ROLE;
