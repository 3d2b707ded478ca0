-- What an agent has from one run to the next: variables of its environment, and notes that it keeps itself.
--
-- A secret's value is given and never shown again: no client may select the column, and its runner alone gets it, with
-- the attempt that it needs it for. Nothing that refuses one says it.

SET LOCAL ROLE kolony_owner;

ALTER TABLE kolony.workspaces ADD COLUMN masks_secrets boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN kolony.workspaces.masks_secrets IS 'agents'' secrets are stars in what their runners store';

CREATE TABLE kolony.agent_variables (
    workspace_id uuid NOT NULL,
    agent_id     uuid NOT NULL,
    name         text NOT NULL CHECK (name ~ '^[A-Za-z_][A-Za-z0-9_]{0,199}$'),
    description  text NOT NULL DEFAULT '' CHECK (length(description) <= 1000),
    value        text NOT NULL,
    secret       boolean NOT NULL,
    shown        text GENERATED ALWAYS AS (CASE WHEN secret THEN NULL ELSE value END) STORED,
    length       integer GENERATED ALWAYS AS (octet_length(value)) STORED,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   uuid NOT NULL REFERENCES kolony.profiles,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, agent_id, name),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
);
COMMENT ON COLUMN kolony.agent_variables.value IS 'granted to no client';
COMMENT ON COLUMN kolony.agent_variables.shown IS 'the value of what is no secret';
COMMENT ON COLUMN kolony.agent_variables.length IS 'of the value, in bytes';
CREATE INDEX agent_variables_by_writer ON kolony.agent_variables (updated_by);
SELECT kolony.protect('kolony.agent_variables');
CREATE POLICY member ON kolony.agent_variables FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
COMMENT ON POLICY member ON kolony.agent_variables IS
    'viewer: see an agent''s variables, but not the values of secret ones';
GRANT SELECT (workspace_id, agent_id, name, description, secret, shown, length, created_at, updated_by, updated_at)
    ON kolony.agent_variables TO kolony_user;

CREATE TABLE kolony.agent_notes (
    workspace_id uuid NOT NULL,
    agent_id     uuid NOT NULL,
    name         text NOT NULL CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$'),
    content      text NOT NULL CHECK (octet_length(content) <= 65536),
    version      integer NOT NULL DEFAULT 1,
    updated_by   uuid REFERENCES kolony.profiles,
    updated_run  uuid,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, agent_id, name),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, updated_run) REFERENCES kolony.runs,
    CONSTRAINT written_by_one CHECK (num_nonnulls(updated_by, updated_run) = 1)
);
COMMENT ON COLUMN kolony.agent_notes.updated_run IS 'the run in which the agent wrote it; null: a person did';
CREATE INDEX agent_notes_by_writer ON kolony.agent_notes (updated_by) WHERE updated_by IS NOT NULL;
CREATE INDEX agent_notes_by_run ON kolony.agent_notes (workspace_id, updated_run) WHERE updated_run IS NOT NULL;
SELECT kolony.protect('kolony.agent_notes');
CREATE POLICY member ON kolony.agent_notes FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
COMMENT ON POLICY member ON kolony.agent_notes IS 'viewer: see what agents keep in mind';
GRANT SELECT ON kolony.agent_notes TO kolony_user;

CREATE VIEW kolony.agent_variable_overview WITH (security_invoker = true) AS
SELECT v.workspace_id, v.agent_id, v.name, v.description, v.secret, v.shown AS value, v.length, v.created_at,
       w.login AS updated_by_login, v.updated_at
FROM kolony.agent_variables v
LEFT JOIN kolony.profiles w ON w.profile_id = v.updated_by;

CREATE VIEW kolony.agent_note_overview WITH (security_invoker = true) AS
SELECT n.workspace_id, n.agent_id, n.name, n.content, octet_length(n.content) AS bytes, n.version,
       w.login AS updated_by_login,
       '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END AS updated_run,
       n.created_at, n.updated_at
FROM kolony.agent_notes n
LEFT JOIN kolony.profiles w ON w.profile_id = n.updated_by
LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.updated_run
LEFT JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id;
GRANT SELECT ON kolony.agent_variable_overview, kolony.agent_note_overview TO kolony_user;

SET LOCAL ROLE kolony_api;

-- For a step of an operator; the agent's row is the lock of its variables and notes.
CREATE FUNCTION kolony.agent_for_writing(of_agent uuid) RETURNS kolony.agents
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    agent kolony.agents;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    SELECT a.* INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = home AND a.agent_id = of_agent FOR NO KEY UPDATE;
    RETURN agent;
END
$$;

-- Says what is wrong with a variable, and never what is in it. All that a table's check would refuse is refused here:
-- the server writes the row into its log where a check fails.
CREATE FUNCTION kolony.check_variable(name text, value text, secret boolean, description text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN name IS NULL OR name !~ '^[A-Za-z_][A-Za-z0-9_]{0,199}$' THEN
            'a variable''s name is letters, digits and "_", and begins with no digit'
        WHEN name ~* '^(KOLONY_|PG|LD_|DYLD_|BASH_FUNC_)'
             OR name ~* ('^(ENV|BASH_ENV|SHELLOPTS|BASHOPTS|PS4|IFS|PROMPT_COMMAND|GCONV_PATH|HOSTALIASES|LOCALDOMAIN'
                 || '|RES_OPTIONS)$') THEN
            format('%s is not for agents'' variables: it reaches into the runner or into every program', name)
        WHEN value IS NULL THEN 'a variable needs a value'
        WHEN octet_length(value) > 32768 THEN 'a value has at most 32 KiB'
        WHEN secret IS NULL THEN 'a variable is secret or not'
        WHEN secret AND length(btrim(value, E' \t\r\n')) < 4 THEN
            'a secret of less than 4 characters could not be told apart in what a program prints'
        WHEN length(description) > 1000 THEN 'a description has at most 1000 characters' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
END
$$;

-- description null: as it was.
CREATE FUNCTION kolony.set_variable(of_agent uuid, name text, value text, secret boolean DEFAULT false,
    description text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
    was kolony.agent_variables;
    others record;
BEGIN
    PERFORM kolony.check_variable(name, value, secret, description);
    SELECT v.* INTO was FROM kolony.agent_variables v
    WHERE v.workspace_id = agent.workspace_id AND v.agent_id = of_agent AND v.name = name;
    SELECT count(*) AS many, coalesce(sum(v.length), 0) AS bytes INTO others FROM kolony.agent_variables v
    WHERE v.workspace_id = agent.workspace_id AND v.agent_id = of_agent AND v.name <> name;
    IF others.many >= 200 OR others.bytes + octet_length(value) > 262144 THEN
        RAISE EXCEPTION 'an agent has at most 200 variables with 256 KiB together' USING ERRCODE = '54000';
    END IF;
    INSERT INTO kolony.agent_variables AS v (workspace_id, agent_id, name, description, value, secret, updated_by)
    VALUES (agent.workspace_id, of_agent, name, coalesce(description, ''), value, secret, kolony.my_profile_id())
    ON CONFLICT ON CONSTRAINT agent_variables_pkey DO UPDATE SET value = EXCLUDED.value, secret = EXCLUDED.secret,
        description = coalesce(description, v.description), updated_by = EXCLUDED.updated_by, updated_at = now();
    PERFORM kolony.record_audit(agent.workspace_id, 'VARIABLE_SET', agent.name || ' ' || name,
        jsonb_build_object('name', name, 'secret', secret, 'new', was.name IS NULL), of_agent);
    PERFORM kolony.hint(agent.workspace_id, 'variable:' || of_agent);
END
$$;

CREATE FUNCTION kolony.unset_variable(of_agent uuid, name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
BEGIN
    DELETE FROM kolony.agent_variables v
    WHERE v.workspace_id = agent.workspace_id AND v.agent_id = of_agent AND v.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no variable "%" of this agent', "left"(name, 200)
            USING ERRCODE = 'P0002', HINT = 'see kolony agent var list';
    END IF;
    PERFORM kolony.record_audit(agent.workspace_id, 'VARIABLE_UNSET', agent.name || ' ' || name,
        jsonb_build_object('name', name), of_agent);
    PERFORM kolony.hint(agent.workspace_id, 'variable:' || of_agent);
END
$$;

CREATE FUNCTION kolony.set_masking(in_workspace uuid, masked boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    UPDATE kolony.workspaces w SET masks_secrets = masked
    WHERE w.workspace_id = in_workspace AND w.masks_secrets <> masked;
    IF FOUND THEN
        PERFORM kolony.record_audit(in_workspace, 'MASKING_CHANGED', CASE WHEN masked THEN 'on' ELSE 'off' END,
            jsonb_build_object('masks_secrets', masked));
        PERFORM kolony.hint(in_workspace, 'people:*');
    END IF;
END
$$;

CREATE FUNCTION kolony.variables_brief(home uuid, of_agent uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('name', v.name, 'value', v.value, 'secret', v.secret) ORDER BY v.name)
            FROM kolony.agent_variables v WHERE v.workspace_id = home AND v.agent_id = of_agent);
END
$$;

CREATE FUNCTION kolony.memory_brief(home uuid, of_agent uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('name', n.name, 'content', n.content, 'version', n.version)
                             ORDER BY n.name)
            FROM kolony.agent_notes n WHERE n.workspace_id = home AND n.agent_id = of_agent);
END
$$;

CREATE FUNCTION kolony.check_note(name text, content text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name IS NULL OR name !~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$' THEN
        RAISE EXCEPTION 'a note''s name is 1 to 100 of the characters A-Z, a-z, 0-9, ".", "_" and "-"'
            USING ERRCODE = '22023', HINT = 'it begins with none of "." and "-"';
    END IF;
    IF content IS NULL OR octet_length(content) > 65536 THEN
        RAISE EXCEPTION 'a note has at most 64 KiB' USING ERRCODE = '22023';
    END IF;
END
$$;

-- Not granted to anybody. Answers with the note's version.
CREATE FUNCTION kolony.write_note(home uuid, of_agent uuid, name text, content text, in_run uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    made integer;
BEGIN
    PERFORM kolony.check_note(name, content);
    IF (SELECT count(*) FROM kolony.agent_notes n
        WHERE n.workspace_id = home AND n.agent_id = of_agent AND n.name <> name) >= 100
    THEN
        RAISE EXCEPTION 'an agent keeps at most 100 notes' USING ERRCODE = '54000';
    END IF;
    INSERT INTO kolony.agent_notes AS n (workspace_id, agent_id, name, content, updated_by, updated_run)
    VALUES (home, of_agent, name, content, CASE WHEN in_run IS NULL THEN kolony.my_profile_id() END, in_run)
    ON CONFLICT ON CONSTRAINT agent_notes_pkey DO UPDATE SET content = EXCLUDED.content, version = n.version + 1,
        updated_by = EXCLUDED.updated_by, updated_run = EXCLUDED.updated_run, updated_at = now()
    RETURNING n.version INTO made;
    PERFORM kolony.hint(home, 'note_kept:' || of_agent);
    RETURN made;
END
$$;

-- A person's edit. base: the version that it was made of (0: there was none); null: whatever there is.
CREATE FUNCTION kolony.set_note(of_agent uuid, name text, content text, base integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
    made integer;
BEGIN
    IF base <> coalesce((SELECT n.version FROM kolony.agent_notes n
                         WHERE n.workspace_id = agent.workspace_id AND n.agent_id = of_agent AND n.name = name), 0)
    THEN
        RAISE EXCEPTION 'the note "%" was changed meanwhile', "left"(name, 100)
            USING ERRCODE = '55000', HINT = 'read it again';
    END IF;
    made := kolony.write_note(agent.workspace_id, of_agent, name, content, NULL);
    PERFORM kolony.record_audit(agent.workspace_id, 'NOTE_CHANGED', agent.name || ' ' || name,
        jsonb_build_object('name', name, 'version', made, 'bytes', octet_length(content)), of_agent);
    RETURN made;
END
$$;

CREATE FUNCTION kolony.delete_note(of_agent uuid, name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    agent kolony.agents := kolony.agent_for_writing(of_agent);
BEGIN
    DELETE FROM kolony.agent_notes n
    WHERE n.workspace_id = agent.workspace_id AND n.agent_id = of_agent AND n.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no note "%" of this agent', "left"(name, 100)
            USING ERRCODE = 'P0002', HINT = 'see kolony agent memory list';
    END IF;
    PERFORM kolony.record_audit(agent.workspace_id, 'NOTE_DELETED', agent.name || ' ' || name,
        jsonb_build_object('name', name), of_agent);
    PERFORM kolony.hint(agent.workspace_id, 'note_kept:' || of_agent);
END
$$;

-- What an agent leaves of its notes at the end of an attempt: [{"name", "content" (null: it took it away), "base" (the
-- version that it was given; 0: it was given none)}]. A note that somebody else wrote meanwhile stays, and what the
-- agent made of its own is kept beside it, under its name and the command's number. May be said again.
CREATE FUNCTION kolony.keep_notes(the_attempt uuid, notes jsonb) RETURNS TABLE (name text, became text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    one record;
    there kolony.agent_notes;
BEGIN
    IF jsonb_typeof(notes) IS DISTINCT FROM 'array' OR jsonb_array_length(notes) > 200 THEN
        RAISE EXCEPTION 'notes are a list of at most 200' USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.agents a WHERE a.workspace_id = held.workspace_id AND a.agent_id = held.agent_id
    FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    FOR one IN SELECT w.name, w.content, w.base FROM jsonb_to_recordset(notes) w (name text, content text, base integer)
               ORDER BY w.content IS NOT NULL, w.name
    LOOP
        name := one.name;
        became := NULL;
        SELECT n.* INTO there FROM kolony.agent_notes n
        WHERE n.workspace_id = held.workspace_id AND n.agent_id = held.agent_id AND n.name = one.name;
        IF one.content IS NULL AND there.version = one.base THEN
            DELETE FROM kolony.agent_notes n
            WHERE n.workspace_id = held.workspace_id AND n.agent_id = held.agent_id AND n.name = one.name;
            PERFORM kolony.hint(held.workspace_id, 'note_kept:' || held.agent_id);
            became := 'deleted';
        ELSIF one.content IS NOT NULL AND there.content IS DISTINCT FROM one.content THEN
            IF coalesce(there.version, 0) <> coalesce(one.base, 0) AND there.name IS NOT NULL THEN
                name := "left"(one.name, 80) || '-' || (SELECT c.number FROM kolony.runs r
                    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
                    WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id);
                CONTINUE WHEN EXISTS (
                    SELECT FROM kolony.agent_notes n WHERE n.workspace_id = held.workspace_id
                    AND n.agent_id = held.agent_id AND n.name = keep_notes.name AND n.content = one.content);
            END IF;
            BEGIN
                PERFORM kolony.write_note(held.workspace_id, held.agent_id, name, one.content, held.run_id);
                became := CASE WHEN name <> one.name THEN 'kept beside' ELSE 'kept' END;
            EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN
                became := SQLERRM;
            END;
        END IF;
        IF became IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION kolony.set_variable(uuid, text, text, boolean, text) IS 'operator: set a variable of an agent';
COMMENT ON FUNCTION kolony.unset_variable(uuid, text) IS 'operator: take a variable away from an agent';
COMMENT ON FUNCTION kolony.set_masking(uuid, boolean) IS
    'admin: say whether agents'' secrets are masked in what is stored';
COMMENT ON FUNCTION kolony.set_note(uuid, text, text, integer) IS 'operator: write a note of an agent''s memory';
COMMENT ON FUNCTION kolony.delete_note(uuid, text) IS 'operator: delete a note of an agent''s memory';
GRANT EXECUTE ON FUNCTION kolony.set_variable(uuid, text, text, boolean, text), kolony.unset_variable(uuid, text),
    kolony.set_masking(uuid, boolean), kolony.set_note(uuid, text, text, integer), kolony.delete_note(uuid, text)
    TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.keep_notes(uuid, jsonb) TO kolony_agents;

RESET ROLE;
