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
CREATE INDEX agent_sessions_by_token ON kolony.agent_sessions (workspace_id, token_id, session_id DESC);
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
    PERFORM kolony.require_room(in_workspace, 'agents');
    PERFORM kolony.hint(in_workspace, 'agent:' || made);
    RETURN made;
END
$$;

-- Whose token the session is. Every call of an agent begins here. By the clock, not by now(): an agent may hold a
-- transaction open for as long as it likes, and now() stands still in it. A token is a login of its own; only where the
-- server lets Kolony make none do agents share the login kolony_agent and bring the token as a setting of the session.
CREATE FUNCTION kolony.my_token() RETURNS kolony.agent_tokens
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens;
BEGIN
    IF session_user = 'kolony_agent' THEN
        SELECT * INTO token FROM kolony.agent_tokens t
        WHERE t.token_hash = sha256(convert_to(current_setting('kolony.agent_token', true), 'UTF8'));
    ELSE
        SELECT * INTO token FROM kolony.agent_tokens t WHERE t.login = session_user;
    END IF;
    IF token.token_active IS NOT TRUE OR token.expires_at <= clock_timestamp()
       OR current_setting('transaction_isolation') <> 'read committed'
    THEN
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
    IF kolony.is_retired(home, of_agent) THEN
        RAISE EXCEPTION 'a retired agent gets no token' USING ERRCODE = '55000', HINT = 'resume it first';
    END IF;
    IF new_expiry <= now() THEN
        RAISE EXCEPTION 'that expiry has passed already' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.agent_tokens (workspace_id, agent_id, login, token_hash, token_hint, label, expires_at, created_by)
    VALUES (home, of_agent, new_login, new_hash, new_hint, coalesce(new_label, ''), new_expiry, kolony.my_profile_id())
    RETURNING token_id INTO made;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
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

-- By whom a token is in use now: each open session of a runner, with the runs that it holds (command.ordinal).
CREATE FUNCTION kolony.token_uses(of_token kolony.agent_tokens) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('session_id', s.session_id, 'host', s.host, 'pid', s.pid,
                   'since', s.started_at, 'runs', held.runs) ORDER BY s.session_id), '[]')
        FROM kolony.agent_sessions s
        CROSS JOIN LATERAL (
            SELECT coalesce(jsonb_agg(c.number || '.' || r.ordinal ORDER BY c.number, r.ordinal), '[]') AS runs
            FROM kolony.leases l
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            WHERE l.workspace_id = s.workspace_id AND l.session_id = s.session_id) held
        WHERE s.workspace_id = of_token.workspace_id AND s.agent_id = of_token.agent_id
          AND s.token_id = of_token.token_id AND s.ended_at IS NULL
          AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp());
END
$$;

-- Takes a token out of service. Answers with its login, by whom it was in use, and, where it was out of service already,
-- since when and by whose hand.
CREATE FUNCTION kolony.retire_token(the_token uuid, OUT its_login text, OUT revoked_before boolean,
    OUT revoked_at timestamptz, OUT revoked_by text, OUT in_use_by jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.token_for_step(the_token);
BEGIN
    -- A runner's beat holds its session when it notes the use of its token; so here too the sessions come first.
    PERFORM FROM kolony.agent_sessions s
    WHERE s.workspace_id = token.workspace_id AND s.agent_id = token.agent_id AND s.token_id = the_token
      AND s.ended_at IS NULL
    ORDER BY s.session_id FOR NO KEY UPDATE;
    SELECT * INTO STRICT token FROM kolony.agent_tokens t
    WHERE t.workspace_id = token.workspace_id AND t.token_id = the_token FOR NO KEY UPDATE;
    its_login := token.login;
    revoked_before := NOT token.token_active;
    in_use_by := kolony.token_uses(token);
    IF token.token_active THEN
        UPDATE kolony.agent_tokens t
        SET token_active = false, revoked_at = now(), revoked_by = kolony.my_profile_id()
        WHERE t.workspace_id = token.workspace_id AND t.token_id = the_token RETURNING t.* INTO token;
    END IF;
    revoked_at := token.revoked_at;
    revoked_by := (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = token.revoked_by);
    UPDATE kolony.agent_sessions s SET ended_at = now(), end_reason = 'its token was revoked', end_error = true
    WHERE s.workspace_id = token.workspace_id AND s.token_id = the_token AND s.ended_at IS NULL
      AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = s.workspace_id AND l.session_id = s.session_id);
    -- A session that still holds leases ends by the clock: its heartbeat is refused from here on.
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
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
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
END
$$;

-- A new token in the place of one that serves: both work for the time of the overlap.
CREATE FUNCTION kolony.replace_token(the_token uuid, new_login text, new_hash bytea, new_hint text, overlap interval,
    new_label text, new_expiry timestamptz, OUT made uuid, OUT old_login text, OUT old_expiry timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    former kolony.agent_tokens := kolony.token_for_step(the_token);
BEGIN
    IF overlap IS NULL OR overlap < interval '0' OR overlap > interval '365 days' THEN
        RAISE EXCEPTION 'the old token may serve for 0 to 365 days beside the new one' USING ERRCODE = '22023';
    END IF;
    made := kolony.record_token(former.agent_id, new_login, new_hash, new_hint, coalesce(new_label, former.label),
        new_expiry);
    SELECT * INTO STRICT former FROM kolony.agent_tokens t
    WHERE t.workspace_id = former.workspace_id AND t.token_id = the_token FOR NO KEY UPDATE;
    IF NOT former.token_active OR former.expires_at <= now() THEN
        RAISE EXCEPTION 'the token % serves no more', former.token_hint
            USING ERRCODE = '55000', HINT = 'issue another: kolony token issue';
    END IF;
    SELECT l.its_login, l.its_expiry INTO old_login, old_expiry FROM kolony.limit_token(the_token, now() + overlap) l;
END
$$;

-- A token's last use is noted at most once a minute while its runner lives.
CREATE FUNCTION kolony.list_tokens(in_workspace uuid)
RETURNS TABLE (token_id uuid, agent_id uuid, agent text, token_hint text, token_active boolean, state text, label text,
    expires_at timestamptz, created_at timestamptz, created_by text, revoked_at timestamptz, revoked_by text,
    last_used_at timestamptz, last_used_from text, last_used_host text, in_use_by jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN QUERY
    SELECT t.token_id, t.agent_id, a.name, t.token_hint, now_is.state = 'active', now_is.state, t.label, t.expires_at,
           t.created_at, p.login, t.revoked_at, r.login, t.last_used_at, host(t.last_used_from), newest.host,
           kolony.token_uses(t)
    FROM kolony.agent_tokens t
    JOIN kolony.agents a USING (workspace_id, agent_id)
    LEFT JOIN kolony.profiles p ON p.profile_id = t.created_by
    LEFT JOIN kolony.profiles r ON r.profile_id = t.revoked_by
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT t.token_active THEN 'revoked' WHEN t.expires_at <= now() THEN 'expired'
                                    ELSE 'active' END) now_is (state)
    LEFT JOIN LATERAL (
        SELECT s.host FROM kolony.agent_sessions s
        WHERE s.workspace_id = t.workspace_id AND s.token_id = t.token_id ORDER BY s.session_id DESC LIMIT 1) newest ON true
    WHERE t.workspace_id = in_workspace ORDER BY a.name, t.created_at;
END
$$;

GRANT EXECUTE ON FUNCTION kolony.create_agent(uuid, text, text, text, text, text, jsonb), kolony.list_tokens(uuid)
    TO kolony_user;
COMMENT ON FUNCTION kolony.create_agent(uuid, text, text, text, text, text, jsonb) IS 'operator: make an agent';
COMMENT ON FUNCTION kolony.list_tokens(uuid) IS 'admin: see the agents'' tokens, never the secrets';
GRANT EXECUTE ON FUNCTION kolony.record_token(uuid, text, bytea, text, text, timestamptz), kolony.retire_token(uuid),
    kolony.limit_token(uuid, timestamptz), kolony.replace_token(uuid, text, bytea, text, interval, text, timestamptz)
    TO kolony_roleadm;

SET LOCAL ROLE kolony_roleadm;

-- Makes the login of a token that was just recorded, or makes sure of the shared one. Times are written in ISO style:
-- other styles name time zones by words such as IST, which are read back as another zone.
CREATE FUNCTION kolony.open_token_login(new_login text, verifier text, new_expiry timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' AS $$
BEGIN
    PERFORM kolony.check_verifier(verifier);
    IF kolony.makes_logins() THEN
        PERFORM kolony.make_login(new_login, verifier, 4, 'kolony_agents');
        IF new_expiry IS NOT NULL THEN
            EXECUTE format('ALTER ROLE %I VALID UNTIL %L', new_login, new_expiry);
        END IF;
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'kolony_agent' AND r.rolcanlogin
                      AND pg_has_role(r.oid, 'kolony_agents', 'USAGE'))
    THEN
        RAISE EXCEPTION 'Kolony may make no logins on this server, and there is none for agents to share'
            USING ERRCODE = '55000', HINT = 'have kolony_agent made as kolony migrate --roles says';
    END IF;
END
$$;

-- Changes the login of a token, where it has one of its own that Kolony may still change. The row decides in any case.
CREATE FUNCTION kolony.change_token_login(its_login text, change text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regrole(quote_ident(its_login)) IS NOT NULL THEN
        EXECUTE format('ALTER ROLE %I %s', its_login, change);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$$;

-- A token is a login: the caller made it, shows it once, and sends only what the server needs to check it.
CREATE FUNCTION kolony.issue_token(of_agent uuid, new_login text, verifier text, new_hash bytea, new_hint text,
    new_label text DEFAULT '', new_expiry timestamptz DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    made := kolony.record_token(of_agent, new_login, new_hash, new_hint, new_label, new_expiry);
    PERFORM kolony.open_token_login(new_login, verifier, new_expiry);
    RETURN made;
END
$$;

-- A new token for an agent in the place of one that serves, which runs out after the overlap and never later than it
-- would anyway. Without a label the new one gets the old one's.
CREATE FUNCTION kolony.rotate_token(the_token uuid, new_login text, verifier text, new_hash bytea, new_hint text,
    overlap interval, new_label text DEFAULT NULL, new_expiry timestamptz DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' AS $$
DECLARE
    replaced record;
BEGIN
    SELECT * INTO replaced
    FROM kolony.replace_token(the_token, new_login, new_hash, new_hint, overlap, new_label, new_expiry);
    PERFORM kolony.open_token_login(new_login, verifier, new_expiry);
    PERFORM kolony.change_token_login(replaced.old_login, format('VALID UNTIL %L', replaced.old_expiry));
    RETURN replaced.made;
END
$$;

-- Revoked at once: inactive for the next call, no new login, the open sessions ended. Answers with what it ended:
-- revoked_before, revoked_at, revoked_by, in_use_by (as list_tokens). A second time does no harm and says who was first.
-- The shared login stays, and with it its connections: for them the next call is the end.
CREATE FUNCTION kolony.revoke_token(the_token uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    retired record;
BEGIN
    SELECT * INTO retired FROM kolony.retire_token(the_token);
    PERFORM kolony.change_token_login(retired.its_login, 'NOLOGIN PASSWORD NULL');
    PERFORM kolony.end_sessions(retired.its_login);
    RETURN to_jsonb(retired) - 'its_login';
END
$$;

CREATE FUNCTION kolony.expire_token(the_token uuid, at_latest timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' AS $$
DECLARE
    token record;
BEGIN
    SELECT * INTO token FROM kolony.limit_token(the_token, at_latest);
    PERFORM kolony.change_token_login(token.its_login, format('VALID UNTIL %L', token.its_expiry));
END
$$;

GRANT EXECUTE ON FUNCTION kolony.issue_token(uuid, text, text, bytea, text, text, timestamptz),
    kolony.rotate_token(uuid, text, text, bytea, text, interval, text, timestamptz), kolony.revoke_token(uuid),
    kolony.expire_token(uuid, timestamptz) TO kolony_user;

COMMENT ON FUNCTION kolony.issue_token(uuid, text, text, bytea, text, text, timestamptz) IS
    'admin: make a token for an agent';
COMMENT ON FUNCTION kolony.rotate_token(uuid, text, text, bytea, text, interval, text, timestamptz) IS
    'admin: put a new token in the place of an agent''s old one';
COMMENT ON FUNCTION kolony.revoke_token(uuid) IS 'admin: take a token out of service at once';
COMMENT ON FUNCTION kolony.expire_token(uuid, timestamptz) IS 'admin: let a token run out earlier';

RESET ROLE;
