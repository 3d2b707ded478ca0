-- Agents, their tokens (each a login of its own), and the sessions of their runners.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.agents (
    workspace_id  uuid NOT NULL REFERENCES kolony.workspaces,
    agent_id      uuid NOT NULL DEFAULT kolony.new_id(),
    name          text NOT NULL,
    type          text NOT NULL DEFAULT 'process' CHECK (type ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    category      text NOT NULL DEFAULT '' CHECK (length(category) <= 100),
    icon          text NOT NULL DEFAULT '' CHECK (length(icon) <= 8),
    description   text NOT NULL DEFAULT '' CHECK (length(description) <= 10000),
    instructions  text NOT NULL DEFAULT '' CHECK (length(instructions) <= 100000),
    config        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
    desired       text NOT NULL DEFAULT 'active' CHECK (desired IN ('active', 'paused', 'retired')),
    desired_why   text NOT NULL DEFAULT '' CHECK (length(desired_why) <= 1000),
    desired_by    uuid REFERENCES kolony.profiles,
    desired_since timestamptz NOT NULL DEFAULT now(),
    created_by    uuid REFERENCES kolony.profiles,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, agent_id),
    CONSTRAINT agent_name_is_free UNIQUE (workspace_id, name),
    CONSTRAINT agent_name_has_a_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT agent_name_is_printable CHECK (name = btrim(name) AND name !~ '[\u0001-\u001f\u007f-\u009f]')
);
CREATE INDEX agents_by_creator ON kolony.agents (created_by);
CREATE INDEX agents_by_decider ON kolony.agents (desired_by);

-- Secrets: no client has any grant on this table.
CREATE TABLE kolony.agent_tokens (
    workspace_id   uuid NOT NULL,
    token_id       uuid NOT NULL DEFAULT kolony.new_id(),
    agent_id       uuid NOT NULL,
    login          text NOT NULL UNIQUE CHECK (login ~ '^ka_[0-9a-f]{16}$'),
    token_hash     bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    token_hint     text NOT NULL CHECK (token_hint ~ '^kol_[0-9a-f]{4}$'),
    token_active   boolean NOT NULL DEFAULT true,
    label          text NOT NULL DEFAULT '' CHECK (length(label) <= 200),
    expires_at     timestamptz,
    created_by     uuid REFERENCES kolony.profiles,
    created_at     timestamptz NOT NULL DEFAULT now(),
    revoked_by     uuid REFERENCES kolony.profiles,
    revoked_at     timestamptz,
    last_used_at   timestamptz,
    last_used_from inet,
    PRIMARY KEY (workspace_id, token_id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
);
CREATE INDEX agent_tokens_by_agent ON kolony.agent_tokens (workspace_id, agent_id);
CREATE INDEX agent_tokens_by_creator ON kolony.agent_tokens (created_by);
CREATE INDEX agent_tokens_by_revoker ON kolony.agent_tokens (revoked_by);

-- last_seen stands in no index, so a heartbeat is a heap-only update.
CREATE TABLE kolony.agent_sessions (
    workspace_id  uuid NOT NULL,
    session_id    uuid NOT NULL DEFAULT kolony.new_id(),
    agent_id      uuid NOT NULL,
    token_id      uuid NOT NULL,
    host          text NOT NULL DEFAULT '' CHECK (length(host) <= 255),
    pid           integer,
    version       text NOT NULL DEFAULT '' CHECK (length(version) <= 100),
    adapter       text NOT NULL DEFAULT '' CHECK (length(adapter) <= 100),
    concurrency   integer NOT NULL CHECK (concurrency BETWEEN 1 AND 1000),
    lease_seconds integer NOT NULL CHECK (lease_seconds > 0),
    started_at    timestamptz NOT NULL DEFAULT now(),
    last_seen     timestamptz NOT NULL DEFAULT now(),
    ready         boolean NOT NULL DEFAULT false,
    health        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(health) = 'object' AND pg_column_size(health) <= 8000),
    ended_at      timestamptz,
    end_reason    text CHECK (length(end_reason) <= 1000),
    end_error     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (workspace_id, session_id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, token_id) REFERENCES kolony.agent_tokens
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX agent_sessions_by_agent ON kolony.agent_sessions (workspace_id, agent_id, session_id DESC);
CREATE INDEX agent_sessions_by_token ON kolony.agent_sessions (workspace_id, token_id);
CREATE INDEX agent_sessions_open ON kolony.agent_sessions (workspace_id, agent_id) WHERE ended_at IS NULL;

SELECT kolony.protect('kolony.agents');
SELECT kolony.protect('kolony.agent_tokens');
SELECT kolony.protect('kolony.agent_sessions');
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.agents FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE POLICY member ON kolony.agents FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.agent_sessions FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.agents, kolony.agent_sessions TO kolony_user;

SET LOCAL ROLE kolony_api;

-- An agent of mine by id, in whichever of my workspaces it stands.
CREATE FUNCTION kolony.workspace_of_agent(of_agent uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    SELECT a.workspace_id INTO found_id FROM kolony.agents a
    WHERE a.agent_id = of_agent AND a.workspace_id = ANY (kolony.my_workspace_ids());
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    RETURN found_id;
END
$$;

CREATE FUNCTION kolony.create_agent(in_workspace uuid, new_name text, new_type text DEFAULT 'process',
    new_category text DEFAULT '', new_instructions text DEFAULT '', new_description text DEFAULT '',
    new_config jsonb DEFAULT '{}') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    IF new_name IS NULL OR length(new_name) NOT BETWEEN 1 AND 100 OR new_name <> btrim(new_name)
       OR new_name ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'an agent''s name is 1 to 100 printable characters without blanks at its ends'
            USING ERRCODE = '22023', HINT = 'choose another name';
    END IF;
    IF new_type IS NULL OR new_type !~ '^[a-z0-9][a-z0-9._-]{0,62}$' THEN
        RAISE EXCEPTION 'an agent''s type is a short word of a-z, 0-9, ".", "_" and "-"' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.agents (workspace_id, name, type, category, instructions, description, config, created_by, desired_by)
    VALUES (in_workspace, new_name, new_type, coalesce(new_category, ''), coalesce(new_instructions, ''),
            coalesce(new_description, ''), coalesce(new_config, '{}'), kolony.my_profile_id(), kolony.my_profile_id())
    ON CONFLICT ON CONSTRAINT agent_name_is_free DO NOTHING
    RETURNING agent_id INTO made;
    IF made IS NULL THEN
        RAISE EXCEPTION 'there is an agent "%" already', new_name
            USING ERRCODE = '23505', HINT = 'choose another name';
    END IF;
    PERFORM kolony.hint(in_workspace, 'agent:' || made);
    RETURN made;
END
$$;

-- Whose token the session is. Every call of an agent begins here. By the clock, not by now(): an agent may hold a
-- transaction open for as long as it likes, and now() stands still in it.
CREATE FUNCTION kolony.my_token() RETURNS kolony.agent_tokens
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens;
BEGIN
    SELECT * INTO token FROM kolony.agent_tokens t
    WHERE t.login = session_user AND t.token_active AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
      AND current_setting('transaction_isolation') = 'read committed';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agent authentication failed' USING ERRCODE = '28000';
    END IF;
    RETURN token;
END
$$;

CREATE FUNCTION kolony.record_token(of_agent uuid, new_login text, new_hash bytea, new_hint text, new_label text,
    new_expiry timestamptz) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    made uuid;
BEGIN
    PERFORM kolony.require_role(home, 'admin');
    IF (SELECT a.desired FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = of_agent) = 'retired' THEN
        RAISE EXCEPTION 'a retired agent gets no token' USING ERRCODE = '55000', HINT = 'resume it first';
    END IF;
    IF new_expiry <= now() THEN
        RAISE EXCEPTION 'that expiry has passed already' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.agent_tokens (workspace_id, agent_id, login, token_hash, token_hint, label, expires_at, created_by)
    VALUES (home, of_agent, new_login, new_hash, new_hint, coalesce(new_label, ''), new_expiry, kolony.my_profile_id())
    RETURNING token_id INTO made;
    RETURN made;
END
$$;

-- A token of my workspaces, for a step that an admin may take.
CREATE FUNCTION kolony.token_for_step(the_token uuid) RETURNS kolony.agent_tokens
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens;
BEGIN
    SELECT * INTO token FROM kolony.agent_tokens t
    WHERE t.token_id = the_token AND t.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such token here' USING ERRCODE = 'P0002', HINT = 'see kolony token list';
    END IF;
    PERFORM kolony.require_role(token.workspace_id, 'admin');
    RETURN token;
END
$$;

-- Takes a token out of service and answers with its login.
CREATE FUNCTION kolony.retire_token(the_token uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens := kolony.token_for_step(the_token);
BEGIN
    UPDATE kolony.agent_tokens t
    SET token_active = false, revoked_at = coalesce(t.revoked_at, now()),
        revoked_by = coalesce(t.revoked_by, kolony.my_profile_id())
    WHERE t.workspace_id = token.workspace_id AND t.token_id = the_token;
    UPDATE kolony.agent_sessions s SET ended_at = now(), end_reason = 'its token was revoked', end_error = true
    WHERE s.workspace_id = token.workspace_id AND s.token_id = the_token AND s.ended_at IS NULL
      AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = s.workspace_id AND l.session_id = s.session_id);
    -- A session that still holds leases ends by the clock: its heartbeat is refused from here on.
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
    RETURN token.login;
END
$$;

-- Lets a token run out at a time, no later than it would anyway, and answers with its login and that time.
CREATE FUNCTION kolony.limit_token(the_token uuid, at_latest timestamptz, OUT its_login text, OUT its_expiry timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens := kolony.token_for_step(the_token);
BEGIN
    IF at_latest IS NULL THEN
        RAISE EXCEPTION 'say when the token expires' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.agent_tokens t SET expires_at = least(t.expires_at, at_latest)
    WHERE t.workspace_id = token.workspace_id AND t.token_id = the_token
    RETURNING t.login, t.expires_at INTO its_login, its_expiry;
END
$$;

CREATE FUNCTION kolony.list_tokens(in_workspace uuid)
RETURNS TABLE (token_id uuid, agent_id uuid, agent text, token_hint text, token_active boolean, label text,
    expires_at timestamptz, created_at timestamptz, created_by text, last_used_at timestamptz, last_used_from text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN QUERY
    SELECT t.token_id, t.agent_id, a.name, t.token_hint,
           t.token_active AND (t.expires_at IS NULL OR t.expires_at > now()), t.label, t.expires_at, t.created_at,
           p.login, t.last_used_at, host(t.last_used_from)
    FROM kolony.agent_tokens t
    JOIN kolony.agents a USING (workspace_id, agent_id)
    LEFT JOIN kolony.profiles p ON p.profile_id = t.created_by
    WHERE t.workspace_id = in_workspace ORDER BY a.name, t.created_at;
END
$$;

GRANT EXECUTE ON FUNCTION kolony.create_agent(uuid, text, text, text, text, text, jsonb), kolony.list_tokens(uuid)
    TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.record_token(uuid, text, bytea, text, text, timestamptz), kolony.retire_token(uuid),
    kolony.limit_token(uuid, timestamptz) TO kolony_roleadm;

SET LOCAL ROLE kolony_roleadm;

-- A token is a login: the caller made it, shows it once, and sends only what the server needs to check it. Times are
-- written in ISO style: other styles name time zones by words such as IST, which are read back as another zone.
CREATE FUNCTION kolony.issue_token(of_agent uuid, new_login text, verifier text, new_hash bytea, new_hint text,
    new_label text DEFAULT '', new_expiry timestamptz DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO' AS $$
DECLARE
    made uuid;
BEGIN
    made := kolony.record_token(of_agent, new_login, new_hash, new_hint, new_label, new_expiry);
    PERFORM kolony.check_verifier(verifier);
    PERFORM kolony.make_login(new_login, verifier, 4, 'kolony_agents');
    IF new_expiry IS NOT NULL THEN
        EXECUTE format('ALTER ROLE %I VALID UNTIL %L', new_login, new_expiry);
    END IF;
    RETURN made;
END
$$;

-- Revoked at once: inactive for the next call, no new login, the open sessions ended.
CREATE FUNCTION kolony.revoke_token(the_token uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_login text := kolony.retire_token(the_token);
BEGIN
    IF to_regrole(quote_ident(its_login)) IS NOT NULL THEN
        EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', its_login);
        PERFORM kolony.end_sessions(its_login);
    END IF;
END
$$;

CREATE FUNCTION kolony.expire_token(the_token uuid, at_latest timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO' AS $$
DECLARE
    token record;
BEGIN
    SELECT * INTO token FROM kolony.limit_token(the_token, at_latest);
    EXECUTE format('ALTER ROLE %I VALID UNTIL %L', token.its_login, token.its_expiry);
END
$$;

GRANT EXECUTE ON FUNCTION kolony.issue_token(uuid, text, text, bytea, text, text, timestamptz),
    kolony.revoke_token(uuid), kolony.expire_token(uuid, timestamptz) TO kolony_user;

RESET ROLE;
