-- Commands, their runs, and the small hot tables in which a run waits, waits for its time, or is leased.
--
-- What has ended is stored; what is going on is derived from where the run stands and whether its runner's session is
-- alive, so nothing can be "executing" with nobody executing it.
--
-- Locks are always taken in the order agent, session, run, ready or scheduled run, lease, attempt, command, token,
-- workspace (for its limits), and several runs, commands or sessions by their ids. A claim alone takes a ready run first,
-- and of its run no more than the foreign keys do (KEY SHARE); so everybody else locks runs, commands and agents
-- FOR NO KEY UPDATE, which does not stand in its way.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.commands (
    workspace_id  uuid NOT NULL REFERENCES kolony.workspaces,
    command_id    uuid NOT NULL DEFAULT kolony.new_id(),
    number        bigint GENERATED ALWAYS AS IDENTITY,
    content       text NOT NULL CHECK (content ~ '\S' AND octet_length(content) <= 4194304),
    title         text GENERATED ALWAYS AS ("left"(content, 200)) STORED,
    priority      smallint NOT NULL DEFAULT 50 CHECK (priority BETWEEN 0 AND 100),
    targets       uuid[] NOT NULL CHECK (cardinality(targets) BETWEEN 1 AND 100000),
    max_attempts  smallint NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 100),
    retry_on      text NOT NULL DEFAULT 'lost' CHECK (retry_on IN ('lost', 'failure')),
    time_limit_ms bigint CHECK (time_limit_ms BETWEEN 1 AND 31536000000),
    created_by    uuid NOT NULL REFERENCES kolony.profiles,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    submitted_at  timestamptz,
    outcome       text CHECK (outcome IN ('completed', 'failed', 'cancelled')),
    finished_at   timestamptz,
    PRIMARY KEY (workspace_id, command_id),
    UNIQUE (workspace_id, number),
    CONSTRAINT finished_once CHECK ((outcome IS NULL) = (finished_at IS NULL))
);
CREATE INDEX commands_by_creator ON kolony.commands (created_by);
CREATE INDEX commands_open ON kolony.commands (workspace_id, command_id) WHERE outcome IS NULL;

CREATE TABLE kolony.runs (
    workspace_id  uuid NOT NULL,
    run_id        uuid NOT NULL DEFAULT kolony.new_id(),
    command_id    uuid NOT NULL,
    ordinal       integer NOT NULL CHECK (ordinal > 0),
    agent_id      uuid NOT NULL,
    priority      smallint NOT NULL CHECK (priority BETWEEN 0 AND 100),
    failed_tries  smallint NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    cancel_at     timestamptz,
    cancel_by     uuid REFERENCES kolony.profiles,
    cancel_why    text CHECK (length(cancel_why) <= 1000),
    outcome       text CHECK (outcome IN ('completed', 'failed', 'cancelled')),
    finished_at   timestamptz,
    exit_code     integer,
    error         text CHECK (length(error) <= 10000),
    PRIMARY KEY (workspace_id, run_id),
    UNIQUE (workspace_id, command_id, ordinal),
    FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    CONSTRAINT finished_once CHECK ((outcome IS NULL) = (finished_at IS NULL))
);
CREATE INDEX runs_by_agent ON kolony.runs (workspace_id, agent_id, run_id DESC);
CREATE INDEX runs_by_outcome ON kolony.runs (workspace_id, outcome, run_id DESC) WHERE outcome IS NOT NULL;
CREATE INDEX runs_open ON kolony.runs (workspace_id, run_id) WHERE outcome IS NULL;
CREATE INDEX runs_by_canceller ON kolony.runs (cancel_by) WHERE cancel_by IS NOT NULL;

CREATE TABLE kolony.attempts (
    workspace_id uuid NOT NULL,
    attempt_id   uuid NOT NULL DEFAULT kolony.new_id(),
    run_id       uuid NOT NULL,
    number       integer NOT NULL CHECK (number > 0),
    agent_id     uuid NOT NULL,
    session_id   uuid NOT NULL,
    claimed_at   timestamptz NOT NULL DEFAULT now(),
    output_day   date NOT NULL DEFAULT current_date,
    started_at   timestamptz,
    ended_at     timestamptz,
    outcome      text CHECK (outcome IN ('completed', 'failed', 'cancelled', 'lost', 'released')),
    exit_code    integer,
    signal       integer,
    error        text CHECK (length(error) <= 10000),
    usage        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(usage) = 'object'),
    chunk_count  bigint,
    byte_count   bigint,
    line_count   bigint,
    PRIMARY KEY (workspace_id, attempt_id),
    UNIQUE (workspace_id, run_id, number),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, session_id) REFERENCES kolony.agent_sessions,
    CONSTRAINT ended_once CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE INDEX attempts_by_agent ON kolony.attempts (workspace_id, agent_id);
CREATE INDEX attempts_by_session ON kolony.attempts (workspace_id, session_id);

CREATE TABLE kolony.ready_runs (
    workspace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    agent_id     uuid NOT NULL,
    priority     smallint NOT NULL,
    enqueued_at  timestamptz NOT NULL DEFAULT now(),
    attempt      integer NOT NULL DEFAULT 1,
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ready_runs_queue ON kolony.ready_runs (workspace_id, agent_id, priority DESC, enqueued_at, run_id);

CREATE TABLE kolony.scheduled_runs (
    workspace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    agent_id     uuid NOT NULL,
    priority     smallint NOT NULL,
    due_at       timestamptz NOT NULL,
    attempt      integer NOT NULL DEFAULT 1,
    PRIMARY KEY (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX scheduled_runs_due ON kolony.scheduled_runs (workspace_id, agent_id, due_at);

CREATE TABLE kolony.leases (
    workspace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    attempt_id   uuid NOT NULL,
    agent_id     uuid NOT NULL,
    session_id   uuid NOT NULL,
    PRIMARY KEY (workspace_id, run_id),
    UNIQUE (workspace_id, attempt_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, session_id) REFERENCES kolony.agent_sessions
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX leases_by_session ON kolony.leases (workspace_id, session_id);
CREATE INDEX leases_by_agent ON kolony.leases (workspace_id, agent_id);

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.commands', 'kolony.runs', 'kolony.attempts', 'kolony.ready_runs',
    'kolony.scheduled_runs', 'kolony.leases']::regclass[]) t;
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.commands FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.runs FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE POLICY member ON kolony.commands FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.runs FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.attempts FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.ready_runs FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.scheduled_runs FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.leases FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.commands, kolony.runs, kolony.attempts, kolony.ready_runs, kolony.scheduled_runs, kolony.leases
    TO kolony_user;

-- What a screen reads: each row with its derived state. security_invoker: the reader's own row security applies.
CREATE VIEW kolony.run_overview WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, c.number AS command_number, r.ordinal,
       cardinality(c.targets) AS target_count, r.agent_id, a.name AS agent, c.title, c.created_by,
       p.login AS created_by_login, r.priority, r.created_at, r.finished_at,
       CASE WHEN r.outcome IS NOT NULL THEN r.outcome
            WHEN l.run_id IS NULL OR s.ended_at IS NOT NULL
                 OR s.last_seen + make_interval(secs => s.lease_seconds) < now() THEN 'waiting'
            WHEN t.started_at IS NULL THEN 'dispatching'
            ELSE 'executing' END AS status,
       r.outcome IS NULL AND l.run_id IS NOT NULL AND (s.ended_at IS NOT NULL
           OR s.last_seen + make_interval(secs => s.lease_seconds) < now()) AS lost,
       coalesce(t.number, 0) AS attempt, c.max_attempts, d.due_at, t.claimed_at, t.started_at, r.exit_code, r.error, r.cancel_at, r.cancel_why,
       b.login AS cancel_by_login, a.desired AS agent_desired
FROM kolony.runs r
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
LEFT JOIN kolony.profiles b ON b.profile_id = r.cancel_by
LEFT JOIN kolony.leases l ON l.workspace_id = r.workspace_id AND l.run_id = r.run_id
LEFT JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
LEFT JOIN LATERAL (
    SELECT e.number, e.claimed_at, e.started_at FROM kolony.attempts e
    WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id ORDER BY e.number DESC LIMIT 1) t ON true
LEFT JOIN kolony.scheduled_runs d ON d.workspace_id = r.workspace_id AND d.run_id = r.run_id;

CREATE VIEW kolony.command_overview WITH (security_invoker = true) AS
SELECT c.workspace_id, c.command_id, c.number, c.title, octet_length(c.content) AS content_bytes, c.priority, c.targets,
       c.max_attempts, c.retry_on, c.time_limit_ms, c.created_by, p.login AS created_by_login, c.created_at,
       c.submitted_at, c.finished_at, k.total AS runs, k.waiting, k.dispatching, k.executing, k.completed, k.failed,
       k.cancelled,
       CASE WHEN c.outcome IS NOT NULL THEN c.outcome
            WHEN c.submitted_at IS NULL THEN 'draft'
            WHEN k.executing > 0 OR k.completed + k.failed + k.cancelled > 0 THEN 'executing'
            WHEN k.dispatching > 0 THEN 'dispatching'
            ELSE 'queued' END AS status
FROM kolony.commands c
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
CROSS JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE o.status = 'waiting') AS waiting,
           count(*) FILTER (WHERE o.status = 'dispatching') AS dispatching,
           count(*) FILTER (WHERE o.status = 'executing') AS executing,
           count(*) FILTER (WHERE o.status = 'completed') AS completed,
           count(*) FILTER (WHERE o.status = 'failed') AS failed,
           count(*) FILTER (WHERE o.status = 'cancelled') AS cancelled
    FROM kolony.run_overview o WHERE o.workspace_id = c.workspace_id AND o.command_id = c.command_id) k;

CREATE VIEW kolony.agent_overview WITH (security_invoker = true) AS
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
            WHEN queue.ready + queue.scheduled > 0 THEN 'queued'
            ELSE 'idle' END AS activity
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
            WHERE q.workspace_id = a.workspace_id AND q.agent_id = a.agent_id) AS scheduled) queue
LEFT JOIN LATERAL (
    SELECT s.* FROM kolony.agent_sessions s
    WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id
    ORDER BY s.session_id DESC LIMIT 1) newest ON true;

GRANT SELECT ON kolony.run_overview, kolony.command_overview, kolony.agent_overview TO kolony_user, kolony_api;
GRANT SELECT ON SEQUENCE kolony.commands_number_seq TO kolony_backup;

RESET ROLE;
