-- Events: what happened to agents and commands, in order. The timeline and replay read them.
--
-- Triggers write them, once a statement with all of its rows, in the transaction of what they tell of. An event holds
-- ids and short facts, no text that anybody wrote. There is no NOTIFY for it: whoever follows looks again when a hint
-- of the thing itself comes.

SET LOCAL ROLE kolony_owner;

CREATE SEQUENCE kolony.event_ids;
GRANT USAGE ON SEQUENCE kolony.event_ids TO kolony_api;
GRANT SELECT ON SEQUENCE kolony.event_ids TO kolony_backup;

-- No foreign keys: an event outlives what it tells of. No checks: nothing but the triggers below writes, and every claim
-- would pay for them.
CREATE TABLE kolony.events (
    workspace_id uuid NOT NULL,
    xid          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id     bigint NOT NULL DEFAULT nextval('kolony.event_ids'),
    at           timestamptz NOT NULL,
    kind         text NOT NULL,
    agent_id     uuid,
    command_id   uuid,
    run_id       uuid,
    profile_id   uuid,
    facts        jsonb NOT NULL DEFAULT '{}',
    was          jsonb,
    PRIMARY KEY (workspace_id, xid, event_id, at)
) PARTITION BY RANGE (at);
COMMENT ON COLUMN kolony.events.xid IS 'read below the snapshot''s xmin and in the order (xid, event_id), none is missed';
COMMENT ON COLUMN kolony.events.profile_id IS 'whose step it was; null: of a program or of the clock';
COMMENT ON COLUMN kolony.events.was IS 'what the change overwrote and no other column keeps, for replay';
CREATE INDEX events_by_time ON kolony.events (workspace_id, at, event_id);
CREATE INDEX events_by_agent ON kolony.events (workspace_id, agent_id, at) WHERE agent_id IS NOT NULL;
CREATE INDEX events_by_run ON kolony.events (workspace_id, run_id, at) WHERE run_id IS NOT NULL;
CREATE INDEX events_by_command ON kolony.events (workspace_id, command_id, at)
    WHERE run_id IS NULL AND command_id IS NOT NULL;
CREATE INDEX events_overwriting ON kolony.events (workspace_id, at) WHERE was IS NOT NULL;

SELECT kolony.protect('kolony.events');
REVOKE UPDATE, DELETE ON kolony.events FROM kolony_api;
CREATE POLICY member ON kolony.events FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY retention ON kolony.events TO kolony_owner USING (true) WITH CHECK (false); -- 0049 removes what is old
GRANT SELECT ON kolony.events TO kolony_user;

-- As with output: attached rather than created in place, with row security of its own, and reached through its parent.
CREATE FUNCTION kolony.ensure_event_partition(for_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'events_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.events IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.events INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('ALTER TABLE kolony.events ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
        part, month::timestamptz, (month + interval '1 month')::timestamptz);
END
$$;
GRANT EXECUTE ON FUNCTION kolony.ensure_event_partition(date) TO kolony_api;
SELECT kolony.ensure_event_partition((now() AT TIME ZONE 'UTC')::date);
SELECT kolony.ensure_event_partition((now() AT TIME ZONE 'UTC' + interval '1 month')::date);

-- When a session's runner first said that it is ready: replay asks for it.
ALTER TABLE kolony.agent_sessions ADD COLUMN ready_at timestamptz;
CREATE FUNCTION kolony.stamp_ready() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.ready_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER stamp_ready BEFORE UPDATE ON kolony.agent_sessions
    FOR EACH ROW WHEN (NEW.ready AND NOT OLD.ready) EXECUTE FUNCTION kolony.stamp_ready();

SET LOCAL ROLE kolony_api;

-- The moment of an event: the clock's, so that events stand in the order in which things were done.
CREATE FUNCTION kolony.event_moment() RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    part CONSTANT text := 'kolony.events_' || to_char(moment AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF to_regclass(part) IS NULL THEN
        PERFORM kolony.ensure_event_partition((moment AT TIME ZONE 'UTC')::date);
    END IF;
    RETURN moment;
END
$$;

CREATE FUNCTION kolony.events_of_agents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
    me CONSTANT uuid := kolony.my_profile_id();
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'agent.created', n.agent_id, me, jsonb_build_object('type', n.type)
        FROM new_rows n ORDER BY n.agent_id;
        RETURN NULL;
    END IF;
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts, was)
    SELECT n.workspace_id, moment, e.kind, n.agent_id, me, e.facts,
           jsonb_build_object('name', o.name, 'type', o.type, 'category', o.category, 'icon', o.icon, 'tags', o.tags,
               'desired', o.desired, 'desired_since', o.desired_since, 'desired_by', o.desired_by)
    FROM new_rows n JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.agent_id = n.agent_id
    CROSS JOIN LATERAL (
        SELECT CASE n.desired WHEN 'paused' THEN 'agent.paused' WHEN 'retired' THEN 'agent.retired'
                              ELSE 'agent.resumed' END,
               jsonb_build_object('before', o.desired, 'after', n.desired)
        WHERE n.desired <> o.desired
        UNION ALL
        SELECT 'agent.tagged', jsonb_build_object('before', cardinality(o.tags), 'after', cardinality(n.tags))
        WHERE n.tags IS DISTINCT FROM o.tags
        UNION ALL
        SELECT 'agent.edited', jsonb_build_object('changed', to_jsonb(changed.names))
        FROM (SELECT array_remove(ARRAY[
                  CASE WHEN n.name <> o.name THEN 'name' END, CASE WHEN n.type <> o.type THEN 'type' END,
                  CASE WHEN n.category <> o.category THEN 'category' END, CASE WHEN n.icon <> o.icon THEN 'icon' END,
                  CASE WHEN n.description <> o.description THEN 'description' END,
                  CASE WHEN n.instructions <> o.instructions THEN 'instructions' END,
                  CASE WHEN n.config <> o.config THEN 'config' END], NULL) AS names) changed
        WHERE changed.names <> '{}') e (kind, facts)
    ORDER BY n.agent_id;
    RETURN NULL;
END
$$;

-- Of sessions by the row, and only of those in which something changed: heartbeats are updates too.
CREATE FUNCTION kolony.events_of_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        VALUES (NEW.workspace_id, moment, 'session.opened', NEW.agent_id,
            jsonb_build_object('session_id', NEW.session_id, 'concurrency', NEW.concurrency));
        RETURN NULL;
    END IF;
    IF NEW.ready AND NOT OLD.ready THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        VALUES (NEW.workspace_id, moment, 'session.ready', NEW.agent_id,
            jsonb_build_object('session_id', NEW.session_id));
    END IF;
    IF NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL THEN
        -- Ended by itself, or for the clock: then its last heartbeat is older than its lease.
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        VALUES (NEW.workspace_id, moment,
            CASE WHEN NEW.last_seen + make_interval(secs => NEW.lease_seconds) < NEW.ended_at
                 THEN 'session.lost' ELSE 'session.ended' END, NEW.agent_id,
            jsonb_build_object('session_id', NEW.session_id, 'error', NEW.end_error));
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.events_of_commands() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, command_id, profile_id, facts)
        SELECT n.workspace_id, kolony.event_moment(),
               CASE WHEN n.submitted_at IS NULL THEN 'command.drafted' ELSE 'command.sent' END,
               n.command_id, n.created_by, jsonb_build_object('kind', n.kind, 'targets', cardinality(n.targets))
        FROM new_rows n;
        RETURN NULL;
    END IF;
    INSERT INTO kolony.events (workspace_id, at, kind, command_id, profile_id, facts)
    SELECT n.workspace_id, t.moment, 'command.' || coalesce(n.outcome, 'reopened'), n.command_id,
           CASE WHEN n.outcome IS NULL THEN kolony.my_profile_id() END,
           CASE WHEN o.outcome IS NULL THEN '{}' ELSE jsonb_build_object('before', o.outcome) END
    FROM kolony.event_moment() AS t (moment), new_rows n JOIN old_rows o ON o.command_id = n.command_id
    WHERE n.outcome IS DISTINCT FROM o.outcome;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.events_of_draft() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, command_id, profile_id, facts)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, NEW.command_id, kolony.my_profile_id(), e.facts
    FROM (
        SELECT 'command.edited', '{}'::jsonb
        WHERE (NEW.content, NEW.priority, NEW.targets, NEW.kind, NEW.not_before, NEW.max_attempts, NEW.retry_on,
               NEW.time_limit_ms, NEW.token_budget, NEW.memory_limit_mb, NEW.cpu_limit_percent, NEW.constraint_id,
               NEW.at_a_time, NEW.stop_after, NEW.parent_id, NEW.subjects)
              IS DISTINCT FROM
              (OLD.content, OLD.priority, OLD.targets, OLD.kind, OLD.not_before, OLD.max_attempts, OLD.retry_on,
               OLD.time_limit_ms, OLD.token_budget, OLD.memory_limit_mb, OLD.cpu_limit_percent, OLD.constraint_id,
               OLD.at_a_time, OLD.stop_after, OLD.parent_id, OLD.subjects)
        UNION ALL
        SELECT 'command.submitted', jsonb_build_object('targets', cardinality(NEW.targets))
        WHERE NEW.submitted_at IS NOT NULL) e (kind, facts);
    RETURN NULL;
END
$$;

-- Runs come and end by many at once; what else happens to one is a person's step, and told by the row (below).
CREATE FUNCTION kolony.events_of_runs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
        SELECT n.workspace_id, t.moment, 'run.queued', n.agent_id, n.command_id, n.run_id, c.created_by,
               jsonb_build_object('priority', n.priority)
        FROM kolony.event_moment() AS t (moment) CROSS JOIN new_rows n
        LEFT JOIN kolony.commands c ON c.workspace_id = n.workspace_id AND c.command_id = n.command_id
        ORDER BY n.command_id, n.ordinal;
        RETURN NULL;
    END IF;
    -- Ends, and wishes to cancel: an emergency stop has thousands of them in one statement.
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts, was)
    SELECT n.workspace_id, t.moment, 'run.' || coalesce(n.outcome, 'cancel_asked'), n.agent_id, n.command_id, n.run_id,
           CASE WHEN n.outcome IS NULL THEN n.cancel_by
                WHEN n.outcome = 'cancelled' THEN coalesce(n.cancel_by, n.interrupt_by) END,
           CASE WHEN n.outcome IS NULL THEN '{}' ELSE jsonb_strip_nulls(
               jsonb_build_object('exit_code', n.exit_code, 'limit', n.limit_hit, 'reason', n.reason)) END,
           CASE WHEN n.outcome IS NULL AND o.cancel_at IS NOT NULL THEN kolony.run_was(o) END
    FROM kolony.event_moment() AS t (moment), new_rows n JOIN old_rows o ON o.run_id = n.run_id
    WHERE (n.outcome IS NOT NULL AND o.outcome IS NULL)
       OR (n.outcome IS NULL AND n.cancel_at IS NOT NULL AND n.cancel_at IS DISTINCT FROM o.cancel_at);
    RETURN NULL;
END
$$;

-- What of a run an event overwrites.
CREATE FUNCTION kolony.run_was(r kolony.runs) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'agent_id', r.agent_id, 'priority', r.priority, 'outcome', r.outcome,
        'finished_at', r.finished_at, 'cancel_at', r.cancel_at, 'cancel_by', r.cancel_by,
        'held_at', r.held_at, 'held_by', r.held_by, 'interrupt_at', r.interrupt_at,
        'interrupt_by', r.interrupt_by, 'interrupt_heard_at', r.interrupt_heard_at,
        'limit_hit', r.limit_hit, 'reason', r.reason))
$$;

CREATE FUNCTION kolony.events_of_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts, was)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, NEW.agent_id, NEW.command_id, NEW.run_id, e.person, e.facts,
           CASE WHEN e.overwrites THEN kolony.run_was(OLD) END
    FROM (
        SELECT 'run.retried', kolony.my_profile_id(), jsonb_build_object('before', OLD.outcome), true
        WHERE NEW.outcome IS NULL AND OLD.outcome IS NOT NULL
        UNION ALL
        SELECT 'run.priority', kolony.my_profile_id(),
               jsonb_build_object('before', OLD.priority, 'after', NEW.priority), true
        WHERE NEW.priority <> OLD.priority
        UNION ALL
        SELECT 'run.assigned', kolony.my_profile_id(),
               jsonb_build_object('before', OLD.agent_id, 'after', NEW.agent_id), true
        WHERE NEW.agent_id <> OLD.agent_id
        UNION ALL
        SELECT CASE WHEN NEW.held_at IS NULL THEN 'run.released' ELSE 'run.held' END,
               coalesce(NEW.held_by, kolony.my_profile_id()), '{}', OLD.held_at IS NOT NULL
        WHERE NEW.held_at IS DISTINCT FROM OLD.held_at AND (NEW.outcome IS NULL OR NEW.held_at IS NOT NULL)
        UNION ALL
        SELECT 'run.interrupt_asked', NEW.interrupt_by, '{}', OLD.interrupt_at IS NOT NULL
        WHERE NEW.interrupt_at IS DISTINCT FROM OLD.interrupt_at AND NEW.interrupt_at IS NOT NULL
        UNION ALL
        SELECT 'run.interrupted', NULL, '{}', false
        WHERE NEW.interrupt_heard_at IS NOT NULL AND OLD.interrupt_heard_at IS NULL) e (kind, person, facts, overwrites);
    RETURN NULL;
END
$$;

-- Claims take many at once. One that begins as it is claimed has one event for both.
CREATE FUNCTION kolony.events_of_claims() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT n.workspace_id, t.moment, CASE WHEN n.started_at IS NULL THEN 'run.claimed' ELSE 'run.started' END,
           n.agent_id, r.command_id, n.run_id, jsonb_build_object('attempt', n.number)
    FROM kolony.event_moment() AS t (moment), new_rows n
    JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id;
    RETURN NULL;
END
$$;

-- An attempt that completed or was cancelled is told of by its run's own event.
CREATE FUNCTION kolony.events_of_attempt() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, NEW.agent_id,
           (SELECT r.command_id FROM kolony.runs r WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id),
           NEW.run_id, e.facts
    FROM (
        SELECT 'run.started', jsonb_build_object('attempt', NEW.number)
        WHERE NEW.started_at IS NOT NULL AND OLD.started_at IS NULL
        UNION ALL
        SELECT 'run.limit_hit', jsonb_build_object('attempt', NEW.number, 'limit', NEW.limit_hit)
        WHERE NEW.limit_hit IS NOT NULL AND OLD.limit_hit IS NULL
        UNION ALL
        SELECT CASE NEW.outcome WHEN 'lost' THEN 'run.lost' WHEN 'released' THEN 'run.returned'
                                ELSE 'run.attempt_failed' END,
               jsonb_strip_nulls(jsonb_build_object('attempt', NEW.number, 'exit_code', NEW.exit_code,
                   'signal', NEW.signal, 'reason', NEW.reason))
        WHERE NEW.outcome IN ('lost', 'released', 'failed') AND OLD.outcome IS NULL) e (kind, facts);
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.events_of_steps() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT n.workspace_id, moment, 'run.step', t.agent_id, r.command_id, t.run_id,
           jsonb_build_object('attempt', t.number, 'step', n.step)
    FROM new_rows n
    JOIN kolony.attempts t ON t.workspace_id = n.workspace_id AND t.attempt_id = n.attempt_id
    JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
    ORDER BY n.attempt_id, n.number;
    RETURN NULL;
END
$$;

-- A run that waits for its time, after a try that failed or because its command said so.
CREATE FUNCTION kolony.events_of_delays() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
    SELECT n.workspace_id, moment, 'run.delayed', n.agent_id, r.command_id, n.run_id,
           jsonb_build_object('due_at', n.due_at)
    FROM new_rows n JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
    ORDER BY n.run_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.events_of_approvals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
    SELECT n.workspace_id, moment, e.kind, n.agent_id, r.command_id, n.run_id, e.person,
           jsonb_build_object('approval_id', n.approval_id) || e.facts
    FROM new_rows n
    LEFT JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.approval_id = n.approval_id
    LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
    CROSS JOIN LATERAL (
        SELECT 'approval.answered', n.answered_by,
               jsonb_build_object('allowed', n.allowed, 'by_rule', n.rule_id IS NOT NULL)
        WHERE n.answered_at IS NOT NULL AND o.answered_at IS NULL
        UNION ALL
        SELECT 'approval.cancelled', NULL, '{}' WHERE n.cancelled_at IS NOT NULL AND o.cancelled_at IS NULL
        UNION ALL
        SELECT 'approval.expired', NULL, '{}'
        WHERE n.expired_at IS NOT NULL AND o.expired_at IS NULL) e (kind, person, facts)
    ORDER BY n.approval_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.events_of_questions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
    SELECT n.workspace_id, moment, e.kind, n.agent_id, r.command_id, n.run_id, e.person,
           jsonb_build_object('approval_id', n.approval_id) || e.facts
    FROM new_rows n
    LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
    CROSS JOIN LATERAL (
        SELECT 'approval.asked', NULL::uuid, jsonb_build_object('kind', n.kind)
        UNION ALL -- one that a rule answers is answered as it is asked
        SELECT 'approval.answered', n.answered_by,
               jsonb_build_object('allowed', n.allowed, 'by_rule', n.rule_id IS NOT NULL)
        WHERE n.answered_at IS NOT NULL) e (kind, person, facts)
    ORDER BY n.approval_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.events_of_stops() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    IF TG_TABLE_NAME = 'stop_hearings' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, facts)
        SELECT n.workspace_id, moment, 'stop.confirmed', s.agent_id,
               jsonb_build_object('stop_id', n.stop_id, 'session_id', n.session_id)
        FROM new_rows n
        JOIN kolony.agent_sessions s ON s.workspace_id = n.workspace_id AND s.session_id = n.session_id
        ORDER BY n.session_id;
    ELSIF TG_TABLE_NAME = 'stops' AND TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, profile_id, facts)
        SELECT n.workspace_id, moment, 'stop.pulled', n.began_by,
               jsonb_build_object('stop_id', n.stop_id, 'everyone', n.everyone)
        FROM new_rows n ORDER BY n.stop_id;
    ELSIF TG_TABLE_NAME = 'stops' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, profile_id, facts)
        SELECT n.workspace_id, moment, 'stop.lifted', n.lifted_by, jsonb_build_object('stop_id', n.stop_id)
        FROM new_rows n JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.stop_id = n.stop_id
        WHERE n.lifted_at IS NOT NULL AND o.lifted_at IS NULL ORDER BY n.stop_id;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'agent.stopped', n.agent_id, s.began_by,
               jsonb_build_object('stop_id', n.stop_id)
        FROM new_rows n JOIN kolony.stops s ON s.workspace_id = n.workspace_id AND s.stop_id = n.stop_id
        ORDER BY n.agent_id;
    ELSE
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'agent.freed', n.agent_id, n.lifted_by, jsonb_build_object('stop_id', n.stop_id)
        FROM new_rows n
        JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.stop_id = n.stop_id AND o.agent_id = n.agent_id
        WHERE n.lifted_at IS NOT NULL AND o.lifted_at IS NULL ORDER BY n.agent_id;
    END IF;
    RETURN NULL;
END
$$;

-- What was made on the way: messages, artifacts, reports.
CREATE FUNCTION kolony.events_of_results() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment CONSTANT timestamptz := kolony.event_moment();
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'messages' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
        SELECT n.workspace_id, moment, 'message.said', v.agent_id, n.command_id, n.run_id, n.author_id,
               jsonb_build_object('conversation_id', n.conversation_id, 'number', n.number, 'origin', n.origin)
        FROM new_rows n
        JOIN kolony.conversations v ON v.workspace_id = n.workspace_id AND v.conversation_id = n.conversation_id
        ORDER BY n.conversation_id, n.number;
    WHEN 'artifacts' THEN
        INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, facts)
        SELECT n.workspace_id, moment, 'artifact.made', r.agent_id, r.command_id, n.run_id,
               jsonb_build_object('artifact_id', n.artifact_id, 'size', n.size)
        FROM new_rows n JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
        ORDER BY n.artifact_id;
    WHEN 'reports' THEN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
            SELECT n.workspace_id, moment, 'report.made', r.agent_id, r.command_id, n.run_id, n.status_by,
                   jsonb_build_object('report_id', n.report_id, 'status', n.status)
            FROM new_rows n LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
            ORDER BY n.report_id;
        ELSE
            INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
            SELECT n.workspace_id, moment, 'report.status', r.agent_id, r.command_id, n.run_id, n.status_by,
                   jsonb_build_object('report_id', n.report_id, 'before', o.status, 'after', n.status)
            FROM new_rows n JOIN old_rows o ON o.workspace_id = n.workspace_id AND o.report_id = n.report_id
            LEFT JOIN kolony.runs r ON r.workspace_id = n.workspace_id AND r.run_id = n.run_id
            WHERE n.status <> o.status ORDER BY n.report_id;
        END IF;
    END CASE;
    RETURN NULL;
END
$$;

-- Spending is counted with every step of a run, so by the row, and only of a budget that reached something.
CREATE FUNCTION kolony.events_of_spending() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kolony.events (workspace_id, at, kind, facts)
    SELECT NEW.workspace_id, kolony.event_moment(), e.kind, jsonb_build_object('budget_id', NEW.budget_id)
    FROM (VALUES ('budget.warned', NEW.warned_at IS NOT NULL AND OLD.warned_at IS NULL),
                 ('budget.reached', NEW.emptied_at IS NOT NULL AND OLD.emptied_at IS NULL)) e (kind, happened)
    WHERE e.happened;
    RETURN NULL;
END
$$;

-- Who makes a trigger has to be allowed to call its function.
GRANT EXECUTE ON FUNCTION
    kolony.events_of_agents(), kolony.events_of_session(), kolony.events_of_commands(), kolony.events_of_draft(),
    kolony.events_of_runs(), kolony.events_of_run(), kolony.events_of_claims(), kolony.events_of_attempt(),
    kolony.events_of_steps(), kolony.events_of_delays(), kolony.events_of_approvals(), kolony.events_of_questions(),
    kolony.events_of_stops(), kolony.events_of_results(), kolony.events_of_spending() TO kolony_owner;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER events_made AFTER INSERT ON kolony.agents REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_agents();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.agents REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_agents();
CREATE TRIGGER events_made AFTER INSERT ON kolony.commands REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_commands();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.commands REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_commands();
CREATE TRIGGER events_of_draft AFTER UPDATE ON kolony.commands
    FOR EACH ROW WHEN (OLD.submitted_at IS NULL) EXECUTE FUNCTION kolony.events_of_draft();
CREATE TRIGGER events_made AFTER INSERT ON kolony.runs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_runs();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.runs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_runs();
CREATE TRIGGER events_of_run AFTER UPDATE ON kolony.runs
    FOR EACH ROW WHEN (NEW.priority <> OLD.priority OR NEW.agent_id <> OLD.agent_id
        OR (NEW.outcome IS NULL AND OLD.outcome IS NOT NULL) OR NEW.held_at IS DISTINCT FROM OLD.held_at
        OR NEW.interrupt_at IS DISTINCT FROM OLD.interrupt_at
        OR NEW.interrupt_heard_at IS DISTINCT FROM OLD.interrupt_heard_at)
    EXECUTE FUNCTION kolony.events_of_run();
CREATE TRIGGER events_made AFTER INSERT ON kolony.attempts REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_claims();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.attempts
    FOR EACH ROW WHEN ((NEW.started_at IS NOT NULL AND OLD.started_at IS NULL)
        OR (NEW.limit_hit IS NOT NULL AND OLD.limit_hit IS NULL)
        OR (NEW.outcome IN ('lost', 'released', 'failed') AND OLD.outcome IS NULL))
    EXECUTE FUNCTION kolony.events_of_attempt();
CREATE TRIGGER events_made AFTER INSERT ON kolony.attempt_steps REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_steps();
CREATE TRIGGER events_made AFTER INSERT ON kolony.scheduled_runs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_delays();
CREATE TRIGGER events_made AFTER INSERT ON kolony.approvals REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_questions();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.approvals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_approvals();
CREATE TRIGGER events_made AFTER INSERT ON kolony.stops REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.stops REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops();
CREATE TRIGGER events_made AFTER INSERT ON kolony.stopped_agents REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.stopped_agents REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops();
CREATE TRIGGER events_made AFTER INSERT ON kolony.stop_hearings REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_stops();
CREATE TRIGGER events_made AFTER INSERT ON kolony.messages REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results();
CREATE TRIGGER events_made AFTER INSERT ON kolony.artifacts REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results();
CREATE TRIGGER events_made AFTER INSERT ON kolony.reports REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.reports REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.events_of_results();
CREATE TRIGGER events_made AFTER INSERT ON kolony.agent_sessions
    FOR EACH ROW EXECUTE FUNCTION kolony.events_of_session();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.agent_sessions
    FOR EACH ROW WHEN (NEW.ready <> OLD.ready OR NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    EXECUTE FUNCTION kolony.events_of_session();
CREATE TRIGGER events_changed AFTER UPDATE ON kolony.budget_spending
    FOR EACH ROW WHEN (NEW.warned_at IS DISTINCT FROM OLD.warned_at OR NEW.emptied_at IS DISTINCT FROM OLD.emptied_at)
    EXECUTE FUNCTION kolony.events_of_spending();

SET LOCAL ROLE kolony_api;

-- What is there already gets its past, as far as it is known.
DO $$
DECLARE
    month timestamp;
BEGIN
    FOR month IN
        SELECT generate_series(date_trunc('month', least(min(a.created_at), min(s.started_at)) AT TIME ZONE 'UTC'),
                               now() AT TIME ZONE 'UTC', interval '1 month')
        FROM kolony.agents a LEFT JOIN kolony.agent_sessions s USING (workspace_id, agent_id)
    LOOP
        PERFORM kolony.ensure_event_partition(month::date);
    END LOOP;
END
$$;
UPDATE kolony.agent_sessions s SET ready_at = s.started_at WHERE s.ready;
INSERT INTO kolony.events (workspace_id, at, kind, agent_id, command_id, run_id, profile_id, facts)
SELECT * FROM (
    SELECT a.workspace_id, a.created_at AS at, 'agent.created' AS kind, a.agent_id, NULL::uuid AS command_id,
           NULL::uuid AS run_id, a.created_by AS profile_id, jsonb_build_object('type', a.type) AS facts
    FROM kolony.agents a
    UNION ALL
    SELECT s.workspace_id, s.started_at, 'session.opened', s.agent_id, NULL, NULL, NULL,
           jsonb_build_object('session_id', s.session_id, 'concurrency', s.concurrency)
    FROM kolony.agent_sessions s
    UNION ALL
    SELECT s.workspace_id, s.ended_at,
           CASE WHEN s.last_seen + make_interval(secs => s.lease_seconds) < s.ended_at
                THEN 'session.lost' ELSE 'session.ended' END, s.agent_id, NULL, NULL, NULL,
           jsonb_build_object('session_id', s.session_id, 'error', s.end_error)
    FROM kolony.agent_sessions s WHERE s.ended_at IS NOT NULL
    UNION ALL
    SELECT c.workspace_id, c.created_at, CASE WHEN c.submitted_at = c.created_at THEN 'command.sent'
           ELSE 'command.drafted' END, NULL, c.command_id, NULL, c.created_by,
           jsonb_build_object('kind', c.kind, 'targets', cardinality(c.targets))
    FROM kolony.commands c
    UNION ALL
    SELECT c.workspace_id, c.submitted_at, 'command.submitted', NULL, c.command_id, NULL, c.created_by,
           jsonb_build_object('targets', cardinality(c.targets))
    FROM kolony.commands c WHERE c.submitted_at > c.created_at
    UNION ALL
    SELECT c.workspace_id, c.finished_at, 'command.' || c.outcome, NULL, c.command_id, NULL, NULL, '{}'
    FROM kolony.commands c WHERE c.outcome IS NOT NULL
    UNION ALL
    SELECT r.workspace_id, r.created_at, 'run.queued', r.agent_id, r.command_id, r.run_id, NULL,
           jsonb_build_object('priority', r.priority)
    FROM kolony.runs r
    UNION ALL
    SELECT r.workspace_id, r.finished_at, 'run.' || r.outcome, r.agent_id, r.command_id, r.run_id, r.cancel_by,
           jsonb_strip_nulls(jsonb_build_object('exit_code', r.exit_code, 'limit', r.limit_hit, 'reason', r.reason))
    FROM kolony.runs r WHERE r.outcome IS NOT NULL
    UNION ALL
    SELECT t.workspace_id, e.at, e.kind, t.agent_id, r.command_id, t.run_id, NULL,
           jsonb_build_object('attempt', t.number)
    FROM kolony.attempts t
    JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
    CROSS JOIN LATERAL (VALUES
        ('run.claimed', CASE WHEN t.started_at IS DISTINCT FROM t.claimed_at THEN t.claimed_at END),
        ('run.started', t.started_at),
        (CASE t.outcome WHEN 'lost' THEN 'run.lost' WHEN 'released' THEN 'run.returned'
                        WHEN 'failed' THEN 'run.attempt_failed' END, t.ended_at)) e (kind, at)
    WHERE e.kind IS NOT NULL AND e.at IS NOT NULL) past
ORDER BY past.at;

RESET ROLE;
