-- What steering needs: kinds, limits and subjects of commands; what a run waits for; holds, interrupts, the steps of an
-- ending, and what can be undone; tags of agents.
--
-- A waiting run stands in exactly one of ready_runs (any claim may take it), scheduled_runs (not before its time) and
-- blocked_runs (held, after other commands, or beyond its command's window); so a claim never reads over what it may
-- not take. blocked_runs comes in the lock order where ready and scheduled runs do. Whoever holds a command takes rows
-- of blocked_runs and agents only with SKIP LOCKED; what was skipped is found by the next claim or kolony.settle.

SET LOCAL ROLE kolony_owner;

-- So that the owner, whose statements check the new foreign keys, sees the rows there are; forced again below.
ALTER TABLE kolony.profiles NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.commands NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.runs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.ready_runs NO FORCE ROW LEVEL SECURITY;

ALTER TABLE kolony.commands
    ADD COLUMN kind text NOT NULL DEFAULT 'natural'
        CONSTRAINT kind_is_known CHECK (kind IN ('natural', 'investigate', 'review', 'plan', 'synthesize')),
    ADD COLUMN parent_id uuid,
    ADD COLUMN subjects uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(subjects) <= 1000),
    ADD COLUMN not_before timestamptz,
    ADD COLUMN idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    ADD COLUMN at_a_time integer CHECK (at_a_time > 0),
    ADD COLUMN free_seats integer,
    ADD COLUMN stop_after integer CHECK (stop_after > 0),
    ADD COLUMN target_words text CHECK (length(target_words) <= 2000),
    ADD COLUMN preset_id uuid,
    ADD COLUMN preset_version integer,
    ADD COLUMN constraint_id uuid,
    ADD COLUMN token_budget bigint CHECK (token_budget > 0),
    ADD COLUMN memory_limit_mb integer CHECK (memory_limit_mb > 0),
    ADD COLUMN cpu_limit_percent integer CHECK (cpu_limit_percent > 0),
    ADD FOREIGN KEY (workspace_id, parent_id) REFERENCES kolony.commands;
COMMENT ON COLUMN kolony.commands.free_seats IS 'with at_a_time: how many more of its runs may be let in now';
CREATE INDEX commands_by_parent ON kolony.commands (workspace_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX commands_by_key ON kolony.commands (workspace_id, created_by, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

ALTER TABLE kolony.runs
    ADD COLUMN held_at timestamptz,
    ADD COLUMN held_by uuid REFERENCES kolony.profiles,
    ADD COLUMN held_why text CHECK (length(held_why) <= 1000),
    ADD COLUMN interrupt_at timestamptz,
    ADD COLUMN interrupt_by uuid REFERENCES kolony.profiles,
    ADD COLUMN interrupt_why text CHECK (length(interrupt_why) <= 1000),
    ADD COLUMN interrupt_heard_at timestamptz,
    ADD COLUMN limit_hit text CONSTRAINT limit_is_known
        CHECK (limit_hit IN ('time_limit', 'token_budget', 'memory_limit', 'cpu_limit')),
    ADD CONSTRAINT held_runs_are_open CHECK (held_at IS NULL OR outcome IS NULL);
CREATE INDEX runs_by_holder ON kolony.runs (held_by) WHERE held_by IS NOT NULL;
CREATE INDEX runs_by_interrupter ON kolony.runs (interrupt_by) WHERE interrupt_by IS NOT NULL;

ALTER TABLE kolony.attempts ADD COLUMN limit_hit text CONSTRAINT limit_is_known
    CHECK (limit_hit IN ('time_limit', 'token_budget', 'memory_limit', 'cpu_limit'));

-- A place is the time of the enqueuing in seconds, or a number that somebody moved the run to; numeric, because there is
-- always another one between two of them.
ALTER TABLE kolony.ready_runs
    ADD COLUMN place numeric NOT NULL DEFAULT extract(epoch FROM clock_timestamp());
UPDATE kolony.ready_runs SET place = extract(epoch FROM enqueued_at);
DROP INDEX kolony.ready_runs_queue;
CREATE INDEX ready_runs_queue ON kolony.ready_runs (workspace_id, agent_id, priority DESC, place, run_id);

ALTER TABLE kolony.profiles FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.commands FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.runs FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.ready_runs FORCE ROW LEVEL SECURITY;

CREATE FUNCTION kolony.are_tags(words text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT words IS NOT NULL AND cardinality(words) <= 50
       AND coalesce((SELECT bool_and(coalesce(w ~ '^[[:alnum:]][[:alnum:]._:/-]{0,39}$', false)) FROM unnest(words) w), true)
$$;
GRANT EXECUTE ON FUNCTION kolony.are_tags(text[]) TO kolony_api;

ALTER TABLE kolony.agents ADD COLUMN tags text[] NOT NULL DEFAULT '{}'
    CONSTRAINT agent_tags_are_words CHECK (kolony.are_tags(tags));

CREATE TABLE kolony.blocked_runs (
    workspace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    agent_id     uuid NOT NULL,
    command_id   uuid NOT NULL,
    ordinal      integer NOT NULL,
    priority     smallint NOT NULL,
    place        numeric NOT NULL DEFAULT extract(epoch FROM clock_timestamp()),
    due_at       timestamptz,
    attempt      integer NOT NULL DEFAULT 1,
    held         boolean NOT NULL DEFAULT false,
    after        boolean NOT NULL DEFAULT false,
    beyond       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands,
    CONSTRAINT blocked_by_something CHECK (held OR after OR beyond)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN kolony.blocked_runs.held IS 'somebody holds it, see the run';
COMMENT ON COLUMN kolony.blocked_runs.after IS 'its command comes after others that have not ended as needed';
COMMENT ON COLUMN kolony.blocked_runs.beyond IS 'its command lets only so many runs in at a time';
CREATE INDEX blocked_runs_by_agent ON kolony.blocked_runs (workspace_id, agent_id, command_id);
CREATE INDEX blocked_runs_to_settle ON kolony.blocked_runs (workspace_id, agent_id, command_id) WHERE NOT held;
CREATE INDEX blocked_runs_by_command ON kolony.blocked_runs (workspace_id, command_id, ordinal);

CREATE TABLE kolony.command_dependencies (
    workspace_id uuid NOT NULL,
    command_id   uuid NOT NULL,
    after_id     uuid NOT NULL,
    need         text NOT NULL DEFAULT 'completed' CHECK (need IN ('completed', 'ended')),
    PRIMARY KEY (workspace_id, command_id, after_id),
    FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands,
    FOREIGN KEY (workspace_id, after_id) REFERENCES kolony.commands,
    CONSTRAINT not_after_itself CHECK (command_id <> after_id)
);
CREATE INDEX command_dependencies_by_after ON kolony.command_dependencies (workspace_id, after_id);

CREATE TABLE kolony.attempt_steps (
    workspace_id uuid NOT NULL,
    attempt_id   uuid NOT NULL,
    number       integer NOT NULL CHECK (number BETWEEN 1 AND 100),
    step         text NOT NULL CHECK (step IN ('heard', 'protocol_cancel', 'sigint', 'sigterm', 'sigkill', 'ended', 'gone')),
    detail       text NOT NULL DEFAULT '' CHECK (length(detail) <= 1000),
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, attempt_id, number),
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts
);

CREATE TABLE kolony.undo_steps (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    step_id      uuid NOT NULL DEFAULT kolony.new_id(),
    profile_id   uuid NOT NULL REFERENCES kolony.profiles,
    kind         text NOT NULL CHECK (kind IN ('cancel', 'retire', 'delete_preset', 'delete_constraint', 'delete_rule',
                                               'delete_view')),
    title        text NOT NULL CHECK (length(title) <= 300),
    facts        jsonb NOT NULL CHECK (jsonb_typeof(facts) = 'object'),
    made_at      timestamptz NOT NULL DEFAULT now(),
    undone_at    timestamptz,
    PRIMARY KEY (workspace_id, step_id)
);
CREATE INDEX undo_steps_by_person ON kolony.undo_steps (profile_id, step_id DESC);

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.blocked_runs', 'kolony.command_dependencies', 'kolony.attempt_steps',
    'kolony.undo_steps']::regclass[]) t;
CREATE POLICY member ON kolony.blocked_runs FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.command_dependencies FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.attempt_steps FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY mine ON kolony.undo_steps FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[])
           AND profile_id = (SELECT kolony.my_profile_id()));
COMMENT ON POLICY mine ON kolony.undo_steps IS 'viewer: see which of your own steps can be undone';
GRANT SELECT ON kolony.blocked_runs, kolony.command_dependencies, kolony.attempt_steps, kolony.undo_steps TO kolony_user;

SET LOCAL ROLE kolony_api;

-- What stands in tables of later files, for the views below; by the reader's own row security.
CREATE FUNCTION kolony.open_asks(home uuid, of_agent uuid, of_run uuid) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) FROM kolony.approvals p
            WHERE p.workspace_id = home AND p.agent_id = of_agent AND (of_run IS NULL OR p.run_id = of_run)
              AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
              AND (p.expires_at IS NULL OR p.expires_at > now()));
END
$$;
COMMENT ON FUNCTION kolony.open_asks(uuid, uuid, uuid) IS 'anyone: count what an agent of theirs asks now';
CREATE FUNCTION kolony.is_stopped(home uuid, of_agent uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM kolony.stops s WHERE s.workspace_id = home AND s.lifted_at IS NULL)
       AND EXISTS (SELECT FROM kolony.stops_in_force f WHERE f.workspace_id = home AND f.agent_id = of_agent);
END
$$;
COMMENT ON FUNCTION kolony.is_stopped(uuid, uuid) IS 'anyone: ask whether an emergency stop holds an agent of theirs';
GRANT EXECUTE ON FUNCTION kolony.open_asks(uuid, uuid, uuid), kolony.is_stopped(uuid, uuid) TO kolony_user;

SET LOCAL ROLE kolony_owner;

-- waits_for: why no claim may take a waiting run, in one word; kolony.why_waiting tells all of it. position: which one
-- of its agent's ready runs it is, up to the thousandth. A run is interrupted while its runner has heard of it.
CREATE OR REPLACE VIEW kolony.run_overview WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, c.number AS command_number, r.ordinal,
       cardinality(c.targets) AS target_count, r.agent_id, a.name AS agent, c.title, c.created_by,
       p.login AS created_by_login, r.priority, r.created_at, r.finished_at,
       CASE WHEN r.outcome IS NOT NULL THEN r.outcome
            WHEN l.run_id IS NULL OR s.ended_at IS NOT NULL
                 OR s.last_seen + make_interval(secs => s.lease_seconds) < now() THEN 'waiting'
            WHEN r.interrupt_heard_at IS NOT NULL THEN 'interrupted'
            WHEN t.started_at IS NULL THEN 'dispatching'
            ELSE 'executing' END AS status,
       r.outcome IS NULL AND l.run_id IS NOT NULL AND (s.ended_at IS NOT NULL
           OR s.last_seen + make_interval(secs => s.lease_seconds) < now()) AS lost,
       coalesce(t.number, 0) AS attempt, c.max_attempts, coalesce(d.due_at, k.due_at) AS due_at, t.claimed_at,
       t.started_at, r.exit_code, r.error, r.cancel_at, r.cancel_why, b.login AS cancel_by_login,
       a.desired AS agent_desired,
       c.kind, c.not_before, c.constraint_id, r.held_at, h.login AS held_by_login, r.held_why, r.interrupt_at,
       i.login AS interrupt_by_login, r.interrupt_why, r.interrupt_heard_at, r.limit_hit,
       CASE WHEN k.held THEN 'hold' WHEN k.after THEN 'dependency' WHEN k.beyond THEN 'window'
            WHEN d.run_id IS NOT NULL THEN 'time' END AS waits_for,
       CASE WHEN r.outcome IS NULL AND l.run_id IS NULL THEN (
           SELECT (SELECT nullif(count(*), 1000) + 1 FROM (
                       SELECT FROM kolony.ready_runs ahead
                       WHERE ahead.workspace_id = q.workspace_id AND ahead.agent_id = q.agent_id
                         AND ahead.priority >= q.priority
                         AND (ahead.priority > q.priority OR (ahead.place, ahead.run_id) < (q.place, q.run_id))
                       LIMIT 1000) counted)
           FROM kolony.ready_runs q WHERE q.workspace_id = r.workspace_id AND q.run_id = r.run_id) END AS position,
       CASE WHEN l.run_id IS NULL THEN 0
            ELSE kolony.open_asks(r.workspace_id, r.agent_id, r.run_id) END AS asks
FROM kolony.runs r
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
LEFT JOIN kolony.profiles b ON b.profile_id = r.cancel_by
LEFT JOIN kolony.profiles h ON h.profile_id = r.held_by
LEFT JOIN kolony.profiles i ON i.profile_id = r.interrupt_by
LEFT JOIN kolony.leases l ON l.workspace_id = r.workspace_id AND l.run_id = r.run_id
LEFT JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
LEFT JOIN LATERAL (
    SELECT e.number, e.claimed_at, e.started_at FROM kolony.attempts e
    WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id ORDER BY e.number DESC LIMIT 1) t ON true
LEFT JOIN kolony.scheduled_runs d ON d.workspace_id = r.workspace_id AND d.run_id = r.run_id
LEFT JOIN kolony.blocked_runs k ON k.workspace_id = r.workspace_id AND k.run_id = r.run_id;

-- executing counts the interrupted ones too; held and interrupted say how many of the others are so.
CREATE OR REPLACE VIEW kolony.command_overview WITH (security_invoker = true) AS
SELECT c.workspace_id, c.command_id, c.number, c.title, octet_length(c.content) AS content_bytes, c.priority, c.targets,
       c.max_attempts, c.retry_on, c.time_limit_ms, c.created_by, p.login AS created_by_login, c.created_at,
       c.submitted_at, c.finished_at, k.total AS runs, k.waiting, k.dispatching, k.executing, k.completed, k.failed,
       k.cancelled,
       CASE WHEN c.outcome IS NOT NULL THEN c.outcome
            WHEN c.submitted_at IS NULL THEN 'draft'
            WHEN k.executing > 0 OR k.completed + k.failed + k.cancelled > 0 THEN 'executing'
            WHEN k.dispatching > 0 THEN 'dispatching'
            ELSE 'queued' END AS status,
       c.kind, u.number AS parent_number, c.parent_id, c.subjects, c.not_before, c.at_a_time, c.stop_after,
       c.target_words, c.preset_id, c.preset_version, c.constraint_id, c.token_budget, c.memory_limit_mb,
       c.cpu_limit_percent, c.idempotency_key, k.held, k.interrupted
FROM kolony.commands c
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
LEFT JOIN kolony.commands u ON u.workspace_id = c.workspace_id AND u.command_id = c.parent_id
CROSS JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE o.status = 'waiting') AS waiting,
           count(*) FILTER (WHERE o.status = 'dispatching') AS dispatching,
           count(*) FILTER (WHERE o.status IN ('executing', 'interrupted')) AS executing,
           count(*) FILTER (WHERE o.status = 'completed') AS completed,
           count(*) FILTER (WHERE o.status = 'failed') AS failed,
           count(*) FILTER (WHERE o.status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE o.held_at IS NOT NULL) AS held,
           count(*) FILTER (WHERE o.status = 'interrupted') AS interrupted
    FROM kolony.run_overview o WHERE o.workspace_id = c.workspace_id AND o.command_id = c.command_id) k;

CREATE OR REPLACE VIEW kolony.agent_overview WITH (security_invoker = true) AS
SELECT a.workspace_id, a.agent_id, a.name, a.type, a.category, a.icon, a.description, a.desired, a.desired_why,
       a.desired_since, d.login AS desired_by_login, c.login AS created_by_login, a.created_at,
       live.sessions, live.slots, work.running, queue.ready, queue.scheduled, newest.host, newest.version,
       newest.adapter, newest.pid, newest.health, newest.started_at AS connected_at,
       CASE WHEN live.sessions = 0 THEN coalesce(newest.ended_at, newest.last_seen) END AS disconnected_at,
       newest.last_seen, newest.end_reason,
       CASE WHEN live.sessions > 0 AND work.running > 0 THEN 'busy'
            WHEN live.sessions > 0 AND NOT live.ready THEN 'connecting'
            WHEN live.sessions > 0 THEN 'online'
            WHEN newest.end_error THEN 'error'
            ELSE 'offline' END AS status,
       CASE WHEN work.running > 0 THEN 'processing'
            WHEN queue.ready + queue.scheduled + queue.blocked > 0 THEN 'queued'
            ELSE 'idle' END AS activity,
       queue.blocked, kolony.is_stopped(a.workspace_id, a.agent_id) AS agent_stopped,
       CASE WHEN work.running = 0 THEN 0 ELSE kolony.open_asks(a.workspace_id, a.agent_id, NULL) END AS asks,
       a.tags
FROM kolony.agents a
LEFT JOIN kolony.profiles d ON d.profile_id = a.desired_by
LEFT JOIN kolony.profiles c ON c.profile_id = a.created_by
CROSS JOIN LATERAL (
    SELECT count(*) AS sessions, coalesce(sum(s.concurrency), 0) AS slots, coalesce(bool_or(s.ready), false) AS ready
    FROM kolony.agent_sessions s
    WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id AND s.ended_at IS NULL
      AND s.last_seen + make_interval(secs => s.lease_seconds) >= now()) live
CROSS JOIN LATERAL (
    SELECT count(*) AS running FROM kolony.leases l
    JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
    WHERE l.workspace_id = a.workspace_id AND l.agent_id = a.agent_id AND s.ended_at IS NULL
      AND s.last_seen + make_interval(secs => s.lease_seconds) >= now()) work
CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM kolony.ready_runs q
            WHERE q.workspace_id = a.workspace_id AND q.agent_id = a.agent_id) AS ready,
           (SELECT count(*) FROM kolony.scheduled_runs q
            WHERE q.workspace_id = a.workspace_id AND q.agent_id = a.agent_id) AS scheduled,
           (SELECT count(*) FROM kolony.blocked_runs q
            WHERE q.workspace_id = a.workspace_id AND q.agent_id = a.agent_id) AS blocked) queue
LEFT JOIN LATERAL (
    SELECT s.* FROM kolony.agent_sessions s
    WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id
    ORDER BY s.session_id DESC LIMIT 1) newest ON true;

RESET ROLE;
