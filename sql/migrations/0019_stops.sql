-- Emergency stops: nothing more is claimed from the transaction on that stops, running work is ended, and a stop is open
-- until every runner has confirmed it.
--
-- The barrier costs a claim no lock of its own. A claim holds its agent's row, and a stop takes the rows of all agents
-- that it stops: it waits for the claims that have passed, and those that come after it find it. An agent that is just
-- being made has no row to take; so making one holds the workspace's gate, which a stop takes first.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.stop_gates (
    workspace_id uuid PRIMARY KEY REFERENCES kolony.workspaces
);

CREATE TABLE kolony.stops (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    stop_id      uuid NOT NULL DEFAULT kolony.new_id(),
    everyone     boolean NOT NULL,
    why          text NOT NULL CHECK (length(why) <= 1000),
    began_at     timestamptz NOT NULL DEFAULT now(),
    began_by     uuid NOT NULL REFERENCES kolony.profiles,
    confirm_by   timestamptz NOT NULL,
    lifted_at    timestamptz,
    lifted_by    uuid REFERENCES kolony.profiles,
    PRIMARY KEY (workspace_id, stop_id),
    CONSTRAINT lifted_by_somebody CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
COMMENT ON COLUMN kolony.stops.everyone IS 'every agent, those that are made later too; but those with a lifted row';
COMMENT ON COLUMN kolony.stops.confirm_by IS 'when a runner that has not confirmed has had its time';
CREATE INDEX stops_open ON kolony.stops (workspace_id, stop_id) WHERE lifted_at IS NULL;
CREATE INDEX stops_by_beginner ON kolony.stops (began_by);
CREATE INDEX stops_by_lifter ON kolony.stops (lifted_by) WHERE lifted_by IS NOT NULL;

-- The agents of a stop that is not about everyone, and of one that is those for which it was lifted.
CREATE TABLE kolony.stopped_agents (
    workspace_id uuid NOT NULL,
    stop_id      uuid NOT NULL,
    agent_id     uuid NOT NULL,
    lifted_at    timestamptz,
    lifted_by    uuid REFERENCES kolony.profiles,
    PRIMARY KEY (workspace_id, stop_id, agent_id),
    FOREIGN KEY (workspace_id, stop_id) REFERENCES kolony.stops,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
);
CREATE INDEX stopped_agents_by_agent ON kolony.stopped_agents (workspace_id, agent_id);
CREATE INDEX stopped_agents_by_lifter ON kolony.stopped_agents (lifted_by) WHERE lifted_by IS NOT NULL;

-- Which runner has heard of which stop.
CREATE TABLE kolony.stop_hearings (
    workspace_id uuid NOT NULL,
    stop_id      uuid NOT NULL,
    session_id   uuid NOT NULL,
    heard_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, stop_id, session_id),
    FOREIGN KEY (workspace_id, stop_id) REFERENCES kolony.stops,
    FOREIGN KEY (workspace_id, session_id) REFERENCES kolony.agent_sessions
);
CREATE INDEX stop_hearings_by_session ON kolony.stop_hearings (workspace_id, session_id);

ALTER TABLE kolony.runs ADD COLUMN cancel_stop uuid;
COMMENT ON COLUMN kolony.runs.cancel_stop IS 'the emergency stop that asked to cancel it';

-- For the work that nobody answers for any more.
CREATE INDEX attempts_lost ON kolony.attempts (workspace_id, agent_id, ended_at) WHERE outcome = 'lost';

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.stop_gates', 'kolony.stops', 'kolony.stopped_agents',
    'kolony.stop_hearings']::regclass[]) t;
CREATE POLICY member ON kolony.stops FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.stopped_agents FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.stop_hearings FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.stops, kolony.stopped_agents, kolony.stop_hearings TO kolony_user;

-- Which agent stands under which open stop.
CREATE VIEW kolony.stops_in_force WITH (security_invoker = true) AS
SELECT s.workspace_id, a.agent_id, s.stop_id, s.everyone, s.why, s.began_at, p.login AS began_by_login
FROM kolony.stops s
JOIN kolony.agents a ON a.workspace_id = s.workspace_id
LEFT JOIN kolony.stopped_agents t
    ON t.workspace_id = s.workspace_id AND t.stop_id = s.stop_id AND t.agent_id = a.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = s.began_by
WHERE s.lifted_at IS NULL AND t.lifted_at IS NULL AND (s.everyone OR t.agent_id IS NOT NULL);

-- What is known of each agent under an open stop. 'not confirmed': its runner is gone with work, or had its time. Such
-- work counts as confirmed when the same process (host and pid) comes back and has heard of the stop.
CREATE VIEW kolony.stop_acknowledgements WITH (security_invoker = true) AS
SELECT f.workspace_id, f.stop_id, f.agent_id, a.name AS agent, coalesce(held.running, 0) AS running,
       live.sessions, live.heard_at, coalesce(live.host, silent.host, lost.host, '') AS host,
       CASE WHEN silent.since IS NOT NULL OR lost.since IS NOT NULL
                 OR (held.running > 0 OR live.unheard > 0) AND s.confirm_by < now() THEN 'not confirmed'
            WHEN live.unheard > 0 THEN 'asked'
            WHEN held.running > 0 THEN 'ending'
            WHEN live.heard_at IS NOT NULL THEN 'ended'
            ELSE 'not connected' END AS state,
       CASE WHEN silent.since IS NOT NULL OR lost.since IS NOT NULL THEN least(silent.since, lost.since)
            WHEN (held.running > 0 OR live.unheard > 0) AND s.confirm_by < now() THEN s.confirm_by
            WHEN live.unheard > 0 THEN s.began_at
            ELSE coalesce(live.heard_at, s.began_at) END AS since
FROM kolony.stops_in_force f
JOIN kolony.stops s ON s.workspace_id = f.workspace_id AND s.stop_id = f.stop_id
JOIN kolony.agents a ON a.workspace_id = f.workspace_id AND a.agent_id = f.agent_id
CROSS JOIN LATERAL (
    SELECT count(*) AS sessions, max(e.host) AS host, max(h.heard_at) AS heard_at,
           count(*) FILTER (WHERE h.heard_at IS NULL AND e.started_at <= s.began_at) AS unheard
    FROM kolony.agent_sessions e
    LEFT JOIN kolony.stop_hearings h
        ON h.workspace_id = s.workspace_id AND h.stop_id = s.stop_id AND h.session_id = e.session_id
    WHERE e.workspace_id = f.workspace_id AND e.agent_id = f.agent_id AND e.ended_at IS NULL
      AND e.last_seen + make_interval(secs => e.lease_seconds) >= now()) live
LEFT JOIN LATERAL (
    SELECT count(*) AS running FROM kolony.leases l
    WHERE l.workspace_id = f.workspace_id AND l.agent_id = f.agent_id) held ON true
LEFT JOIN LATERAL (
    SELECT e.last_seen + make_interval(secs => e.lease_seconds) AS since, e.host FROM kolony.leases l
    JOIN kolony.agent_sessions e ON e.workspace_id = l.workspace_id AND e.session_id = l.session_id
    WHERE l.workspace_id = f.workspace_id AND l.agent_id = f.agent_id
      AND (e.ended_at IS NOT NULL OR e.last_seen + make_interval(secs => e.lease_seconds) < now())
    ORDER BY 1 LIMIT 1) silent ON true
LEFT JOIN LATERAL (
    SELECT t.ended_at AS since, e.host FROM kolony.attempts t
    JOIN kolony.agent_sessions e ON e.workspace_id = t.workspace_id AND e.session_id = t.session_id
    WHERE t.workspace_id = f.workspace_id AND t.agent_id = f.agent_id AND t.outcome = 'lost'
      AND t.ended_at >= s.began_at AND NOT EXISTS (
          SELECT FROM kolony.stop_hearings h
          JOIN kolony.agent_sessions n ON n.workspace_id = h.workspace_id AND n.session_id = h.session_id
          WHERE h.workspace_id = s.workspace_id AND h.stop_id = s.stop_id AND n.agent_id = t.agent_id
            AND n.host = e.host AND n.pid = e.pid AND n.started_at >= t.ended_at)
    ORDER BY 1 LIMIT 1) lost ON true
WHERE a.desired <> 'retired' OR held.running > 0 OR lost.since IS NOT NULL;

-- The stops, with how many of their agents have confirmed.
CREATE VIEW kolony.stop_overview WITH (security_invoker = true) AS
SELECT s.workspace_id, s.stop_id, s.everyone, s.why, s.began_at, b.login AS began_by_login, s.confirm_by, s.lifted_at,
       l.login AS lifted_by_login, k.agents, k.confirmed, k.running, k.missing
FROM kolony.stops s
LEFT JOIN kolony.profiles b ON b.profile_id = s.began_by
LEFT JOIN kolony.profiles l ON l.profile_id = s.lifted_by
CROSS JOIN LATERAL (
    SELECT count(*) AS agents, count(*) FILTER (WHERE o.state IN ('ended', 'not connected')) AS confirmed,
           coalesce(sum(o.running), 0)::bigint AS running,
           count(*) FILTER (WHERE o.state = 'not confirmed') AS missing
    FROM kolony.stop_acknowledgements o WHERE o.workspace_id = s.workspace_id AND o.stop_id = s.stop_id) k;

GRANT SELECT ON kolony.stops_in_force, kolony.stop_acknowledgements, kolony.stop_overview TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

INSERT INTO kolony.stop_gates (workspace_id) SELECT w.workspace_id FROM kolony.workspaces w;

CREATE FUNCTION kolony.make_stop_gate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kolony.stop_gates (workspace_id) VALUES (NEW.workspace_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.enter_by_gate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM kolony.stop_gates g WHERE g.workspace_id = NEW.workspace_id FOR SHARE;
    RETURN NEW;
END
$$;

-- Whether an agent may be given work. The caller holds the agent's row, and took it in a statement before: so it sees the
-- stop for which it waited, and true stays true until its transaction ends. In every claim: nearly always one look into
-- an empty index.
CREATE FUNCTION kolony.pass_gate(home uuid, of_agent uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.stops s WHERE s.workspace_id = home AND s.lifted_at IS NULL) THEN
        RETURN true;
    END IF;
    RETURN kolony.stop_in_force(home, of_agent) IS NULL;
END
$$;

-- The oldest open stop over an agent, or null.
CREATE FUNCTION kolony.stop_in_force(home uuid, of_agent uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT s.stop_id FROM kolony.stops s
        LEFT JOIN kolony.stopped_agents t
            ON t.workspace_id = s.workspace_id AND t.stop_id = s.stop_id AND t.agent_id = of_agent
        WHERE s.workspace_id = home AND s.lifted_at IS NULL AND t.lifted_at IS NULL
          AND (s.everyone OR t.agent_id IS NOT NULL)
        ORDER BY s.stop_id LIMIT 1);
END
$$;

-- Which agents a stop is about, in one array and in their order; null stays null and is everyone.
CREATE FUNCTION kolony.agents_to_stop(home uuid, wanted uuid[]) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing uuid;
BEGIN
    IF wanted IS NULL THEN
        RETURN NULL;
    END IF;
    IF cardinality(wanted) = 0 THEN
        RAISE EXCEPTION 'name the agents; null is everyone' USING ERRCODE = '22023';
    END IF;
    SELECT w INTO missing FROM unnest(wanted) w WHERE NOT EXISTS (
        SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = w) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', coalesce(missing::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    RETURN ARRAY(SELECT DISTINCT w FROM unnest(wanted) w ORDER BY w);
END
$$;

-- Takes what a stop needs: the gate, the agents, their runs at work. Answers with those runs; waits as long as
-- lock_timeout lets it.
CREATE FUNCTION kolony.bar_agents(home uuid, wanted uuid[]) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM kolony.stop_gates g WHERE g.workspace_id = home FOR UPDATE;
    IF wanted IS NULL THEN
        PERFORM count(*) FROM (
            SELECT FROM kolony.agents a WHERE a.workspace_id = home ORDER BY a.agent_id FOR NO KEY UPDATE) taken;
    ELSE
        PERFORM FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = ANY (wanted)
        ORDER BY a.agent_id FOR NO KEY UPDATE;
    END IF;
    RETURN ARRAY(
        SELECT r.run_id FROM kolony.leases l
        JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
        WHERE l.workspace_id = home AND (wanted IS NULL OR l.agent_id = ANY (wanted)) AND r.cancel_at IS NULL
        ORDER BY r.run_id FOR NO KEY UPDATE OF r);
END
$$;

-- Which of them somebody keeps in a transaction, for a person to read.
CREATE FUNCTION kolony.held_agents(home uuid, wanted uuid[]) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    free uuid[] := ARRAY(
        SELECT a.agent_id FROM kolony.agents a WHERE a.workspace_id = home AND (wanted IS NULL OR a.agent_id = ANY (wanted))
        ORDER BY a.agent_id FOR NO KEY UPDATE SKIP LOCKED);
    names text := (
        SELECT string_agg(h.name, ', ' ORDER BY h.name) FROM (
            SELECT a.name FROM kolony.agents a
            WHERE a.workspace_id = home AND (wanted IS NULL OR a.agent_id = ANY (wanted)) AND a.agent_id <> ALL (free)
            ORDER BY a.name LIMIT 5) h);
BEGIN
    RETURN coalesce(' on ' || names, '');
END
$$;

-- The emergency stop of these agents, or of everyone (null). From its commit on none of them is given work, and what
-- they are at is cancelled. Whoever holds it up for longer than a second has their sessions ended.
CREATE FUNCTION kolony.stop_agents(in_workspace uuid, agents uuid[] DEFAULT NULL, why text DEFAULT '') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
#variable_conflict use_variable
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    reason CONSTANT text := "left"(coalesce(why, ''), 900);
    wanted uuid[];
    at_work uuid[];
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    wanted := kolony.agents_to_stop(in_workspace, agents);
    FOR patience IN 1..3 LOOP
        BEGIN
            at_work := kolony.bar_agents(in_workspace, wanted);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF patience = 3 THEN
                RAISE EXCEPTION 'the stop was held up by an open transaction%', kolony.held_agents(in_workspace, wanted)
                    USING ERRCODE = '55P03', HINT = 'stop the others by name, and try again; kolony doctor lists sessions';
            END IF;
            PERFORM kolony.clear_the_way();
        END;
    END LOOP;
    INSERT INTO kolony.stops AS s (workspace_id, everyone, why, began_by, confirm_by)
    SELECT in_workspace, wanted IS NULL, reason, me, now() + kolony.stop_patience(in_workspace)
    RETURNING s.stop_id INTO made;
    INSERT INTO kolony.stopped_agents (workspace_id, stop_id, agent_id)
    SELECT in_workspace, made, w FROM unnest(wanted) w;
    PERFORM kolony.cancel_for_stop(in_workspace, made, at_work, concat_ws(': ', 'emergency stop', nullif(reason, '')));
    PERFORM kolony.record_audit(in_workspace, 'EMERGENCY_STOP', CASE WHEN wanted IS NULL THEN 'everyone'
        ELSE (SELECT string_agg(a.name, ', ' ORDER BY a.name) FROM kolony.agents a
              WHERE a.workspace_id = in_workspace AND a.agent_id = ANY (wanted[1:5]))
             || CASE WHEN cardinality(wanted) > 5 THEN ', ...' ELSE '' END END,
        jsonb_build_object('reason', "left"(reason, 200), 'agents', cardinality(wanted), 'running', cardinality(at_work),
            'stop_id', made));
    PERFORM kolony.hint(in_workspace, 'stop:' || made), kolony.hint(in_workspace, 'agents:*');
    RETURN made;
END
$$;

-- Asks to cancel these runs, each of them held by the caller. All at once, with what triggers do for one run at a time.
CREATE FUNCTION kolony.cancel_for_stop(home uuid, the_stop uuid, at_work uuid[], because text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
BEGIN
    UPDATE kolony.runs r SET cancel_at = now(), cancel_by = me, cancel_why = because, cancel_stop = the_stop
    WHERE r.workspace_id = home AND r.run_id = ANY (at_work);
    UPDATE kolony.approvals p SET
        expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
        cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
        cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE because END
    WHERE p.workspace_id = home AND p.run_id = ANY (at_work)
      AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL;
    PERFORM pg_current_xact_id(); -- as kolony.record_audit does
    INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, profile_id, client_address, application,
        agent_id, command_id, run_id, subject, details)
    SELECT home, nextval('kolony.audit_entries'), clock_timestamp(), 'RUN_CANCELLED', session_user, me,
           inet_client_addr(), "left"(current_setting('application_name'), 64), r.agent_id, r.command_id, r.run_id,
           '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END,
           jsonb_build_object('reason', "left"(because, 200), 'at_once', false)
    FROM kolony.runs r
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = home AND r.run_id = ANY (at_work);
END
$$;

-- How long runners have to confirm: to hear of it by a heartbeat, and what an emergency leaves of the graces.
CREATE FUNCTION kolony.stop_patience(home uuid) RETURNS interval
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT make_interval(secs => 2 * w.heartbeat_seconds + 10) FROM kolony.workspaces w
            WHERE w.workspace_id = home);
END
$$;

-- Lifts what is stopped: for these agents, or for all (null). Answers for how many stops it changed something.
CREATE FUNCTION kolony.lift_stop(in_workspace uuid, agents uuid[] DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    wanted uuid[];
    one kolony.stops;
    missing text[];
    changed integer := 0;
    free text;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    wanted := kolony.agents_to_stop(in_workspace, agents);
    PERFORM FROM kolony.stop_gates g WHERE g.workspace_id = in_workspace FOR UPDATE;
    SELECT a.name INTO free FROM unnest(wanted) w
    JOIN kolony.agents a ON a.workspace_id = in_workspace AND a.agent_id = w
    WHERE kolony.stop_in_force(in_workspace, w) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the agent "%" is not stopped', free USING ERRCODE = '55000', HINT = 'see kolony stop --status';
    END IF;
    FOR one IN
        SELECT * FROM kolony.stops s WHERE s.workspace_id = in_workspace AND s.lifted_at IS NULL ORDER BY s.stop_id
    LOOP
        missing := kolony.missing_of_stop(one);
        IF wanted IS NOT NULL THEN
            CONTINUE WHEN NOT one.everyone AND NOT EXISTS (SELECT FROM kolony.stopped_agents t
                WHERE t.workspace_id = in_workspace AND t.stop_id = one.stop_id AND t.agent_id = ANY (wanted)
                  AND t.lifted_at IS NULL);
            INSERT INTO kolony.stopped_agents AS t (workspace_id, stop_id, agent_id, lifted_at, lifted_by)
            SELECT in_workspace, one.stop_id, w, now(), me FROM unnest(wanted) w
            WHERE one.everyone OR EXISTS (SELECT FROM kolony.stopped_agents k
                WHERE k.workspace_id = in_workspace AND k.stop_id = one.stop_id AND k.agent_id = w)
            ON CONFLICT (workspace_id, stop_id, agent_id) DO UPDATE SET
                lifted_at = coalesce(t.lifted_at, EXCLUDED.lifted_at), lifted_by = coalesce(t.lifted_by, EXCLUDED.lifted_by);
        END IF;
        UPDATE kolony.stops s SET lifted_at = now(), lifted_by = me
        WHERE s.workspace_id = in_workspace AND s.stop_id = one.stop_id
          AND (wanted IS NULL OR NOT one.everyone AND NOT EXISTS (SELECT FROM kolony.stopped_agents t
               WHERE t.workspace_id = in_workspace AND t.stop_id = one.stop_id AND t.lifted_at IS NULL));
        PERFORM kolony.record_audit(in_workspace, 'STOP_LIFTED', CASE WHEN wanted IS NULL THEN 'all of it'
            ELSE (SELECT string_agg(a.name, ', ' ORDER BY a.name) FROM kolony.agents a
                  WHERE a.workspace_id = in_workspace AND a.agent_id = ANY (wanted[1:5])) END,
            jsonb_build_object('stop_id', one.stop_id, 'agents', cardinality(wanted), 'not_confirmed', missing));
        PERFORM kolony.hint(in_workspace, 'stop:' || one.stop_id);
        changed := changed + 1;
    END LOOP;
    IF changed = 0 THEN
        RAISE EXCEPTION 'no emergency stop is on' USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.hint(in_workspace, 'agents:*');
    RETURN changed;
END
$$;

-- Up to twenty agents of a stop that have not confirmed it.
CREATE FUNCTION kolony.missing_of_stop(of_stop kolony.stops) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT o.agent FROM kolony.stop_acknowledgements o
                 WHERE o.workspace_id = of_stop.workspace_id AND o.stop_id = of_stop.stop_id
                   AND o.state NOT IN ('ended', 'not connected') ORDER BY o.agent LIMIT 20);
END
$$;

-- A runner has heard of every open stop over its agent. Answers how many those are.
CREATE FUNCTION kolony.acknowledge_stop(the_session uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
    heard uuid;
    counted integer := 0;
BEGIN
    FOR heard IN
        SELECT f.stop_id FROM kolony.stops_in_force f
        WHERE f.workspace_id = session.workspace_id AND f.agent_id = session.agent_id ORDER BY f.stop_id
    LOOP
        counted := counted + 1;
        INSERT INTO kolony.stop_hearings (workspace_id, stop_id, session_id)
        VALUES (session.workspace_id, heard, the_session) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM kolony.hint(session.workspace_id, 'stop:' || heard);
        END IF;
    END LOOP;
    RETURN counted;
END
$$;

COMMENT ON FUNCTION kolony.stop_agents(uuid, uuid[], text) IS 'operator: stop agents at once, or everyone';
COMMENT ON FUNCTION kolony.lift_stop(uuid, uuid[]) IS 'operator: lift an emergency stop, for some agents or for all';
GRANT EXECUTE ON FUNCTION kolony.stop_agents(uuid, uuid[], text), kolony.lift_stop(uuid, uuid[]) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.acknowledge_stop(uuid) TO kolony_agents;
GRANT EXECUTE ON FUNCTION kolony.make_stop_gate(), kolony.enter_by_gate() TO kolony_owner;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER make_stop_gate AFTER INSERT ON kolony.workspaces
    FOR EACH ROW EXECUTE FUNCTION kolony.make_stop_gate();
CREATE TRIGGER enter_by_gate BEFORE INSERT ON kolony.agents FOR EACH ROW EXECUTE FUNCTION kolony.enter_by_gate();
-- Not for what a stop cancels, which has them done at once.
DROP TRIGGER audit ON kolony.runs;
CREATE TRIGGER audit AFTER UPDATE OF cancel_at, outcome, priority ON kolony.runs
    FOR EACH ROW WHEN (OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL
                           AND NEW.cancel_stop IS NOT DISTINCT FROM OLD.cancel_stop
                       OR OLD.outcome IS NOT NULL AND NEW.outcome IS NULL OR OLD.priority <> NEW.priority)
    EXECUTE FUNCTION kolony.audit_run();
DROP TRIGGER close_questions ON kolony.runs;
CREATE TRIGGER close_questions AFTER UPDATE OF cancel_at ON kolony.runs
    FOR EACH ROW WHEN (OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL
                       AND NEW.cancel_stop IS NOT DISTINCT FROM OLD.cancel_stop)
    EXECUTE FUNCTION kolony.close_questions('its run is being cancelled');

SET LOCAL ROLE kolony_roleadm;

-- Ends the sessions that hold up an emergency stop: those of people that idle in a transaction on agents or runs, and
-- those of agents that have been in one for a second, whatever they do there; a runner's take milliseconds.
CREATE FUNCTION kolony.clear_the_way() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before CONSTANT timestamptz := clock_timestamp() - interval '1 second';
    found record;
    ended integer := 0;
BEGIN
    FOR found IN
        SELECT a.usename::text AS login, a.pid FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
          AND a.pid IN (SELECT l.pid FROM pg_locks l
                        WHERE l.relation = ANY (ARRAY['kolony.agents', 'kolony.stop_gates', 'kolony.runs']::regclass[])
                          AND l.mode IN ('RowShareLock', 'RowExclusiveLock') AND l.granted)
          AND (pg_has_role(a.usesysid, 'kolony_agents', 'MEMBER') AND a.xact_start < before
               OR pg_has_role(a.usesysid, 'kolony_user', 'MEMBER') AND a.state LIKE 'idle in transaction%'
               AND a.state_change < before)
        ORDER BY a.pid
    LOOP
        BEGIN
            IF pg_terminate_backend(found.pid, 2000) THEN
                PERFORM kolony.note_ended_session(found.login, found.pid, 'held up an emergency stop');
                ended := ended + 1;
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
    RETURN ended;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.clear_the_way() TO kolony_api;

RESET ROLE;
