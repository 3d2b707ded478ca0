-- Replay: the fleet, the queue and a run as of a moment.
--
-- Each view stands for the table or view whose name it has without "_then", as that was at kolony.moment(): a program
-- that looks back sets kolony.moment for its session and asks the same as ever. What the tables still say with a time
-- beside it is read from there; what a later change wrote over stands in that change's event (events.was). Row security
-- is the reader's own. What runners said of their health is not kept, nor anybody's position in a queue.

-- (SELECT) one: before 16 the server prints the columns of a view of one table in another way, and the schema is compared.

SET LOCAL ROLE kolony_owner;

CREATE INDEX events_delaying ON kolony.events (workspace_id, at) WHERE kind = 'run.delayed';

-- Without settings of its own, so that the planner sees through it. Where it is asked for each of many rows it stands in a
-- SELECT of its own, which is answered once.
CREATE FUNCTION kolony.moment() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('kolony.moment', true), '')::timestamptz, now());
GRANT EXECUTE ON FUNCTION kolony.moment() TO kolony_user;
COMMENT ON FUNCTION kolony.moment() IS 'anyone: ask as of when this session looks back';

CREATE VIEW kolony.agents_then WITH (security_invoker = true) AS
SELECT a.workspace_id, a.agent_id, coalesce(w.was ->> 'name', a.name) AS name, coalesce(w.was ->> 'type', a.type) AS type,
       coalesce(w.was ->> 'category', a.category) AS category, coalesce(w.was ->> 'icon', a.icon) AS icon, a.description,
       a.instructions, a.config, coalesce(w.was ->> 'desired', a.desired) AS desired,
       CASE WHEN w.was IS NULL OR (w.was ->> 'desired_since')::timestamptz = a.desired_since THEN a.desired_why
            ELSE '' END AS desired_why,
       CASE WHEN w.was IS NULL THEN a.desired_by ELSE (w.was ->> 'desired_by')::uuid END AS desired_by,
       CASE WHEN w.was IS NULL THEN a.desired_since ELSE (w.was ->> 'desired_since')::timestamptz END AS desired_since,
       a.created_by, a.created_at, a.updated_at,
       CASE WHEN w.was IS NULL THEN a.tags
            ELSE ARRAY(SELECT t FROM jsonb_array_elements_text(w.was -> 'tags') t) END AS tags
FROM kolony.agents a
LEFT JOIN (SELECT DISTINCT ON (e.workspace_id, e.agent_id) e.workspace_id, e.agent_id, e.was FROM kolony.events e
           WHERE e.was IS NOT NULL AND e.run_id IS NULL AND e.at > kolony.moment()
           ORDER BY e.workspace_id, e.agent_id, e.at, e.event_id) w
    ON w.workspace_id = a.workspace_id AND w.agent_id = a.agent_id
WHERE a.created_at <= (SELECT kolony.moment());

CREATE VIEW kolony.agent_sessions_then WITH (security_invoker = true) AS
SELECT s.workspace_id, s.session_id, s.agent_id, s.token_id, s.host, s.pid, s.version, s.adapter, s.concurrency,
       s.lease_seconds, s.started_at, least(s.last_seen, (SELECT kolony.moment())) AS last_seen,
       coalesce(s.ready_at <= (SELECT kolony.moment()), false) AS ready,
       CASE WHEN s.last_seen <= (SELECT kolony.moment()) THEN s.health ELSE '{}' END AS health,
       CASE WHEN s.ended_at <= (SELECT kolony.moment()) THEN s.ended_at END AS ended_at,
       CASE WHEN s.ended_at <= (SELECT kolony.moment()) THEN s.end_reason END AS end_reason,
       s.end_error AND coalesce(s.ended_at <= (SELECT kolony.moment()), false) AS end_error,
       CASE WHEN s.ready_at <= (SELECT kolony.moment()) THEN s.ready_at END AS ready_at
FROM kolony.agent_sessions s CROSS JOIN (SELECT) one WHERE s.started_at <= (SELECT kolony.moment());

CREATE VIEW kolony.attempts_then WITH (security_invoker = true) AS
SELECT t.workspace_id, t.attempt_id, t.run_id, t.number, t.agent_id, t.session_id, t.claimed_at, t.output_day,
       CASE WHEN t.started_at <= (SELECT kolony.moment()) THEN t.started_at END AS started_at,
       CASE WHEN o.ver THEN t.ended_at END AS ended_at, CASE WHEN o.ver THEN t.outcome END AS outcome,
       CASE WHEN o.ver THEN t.exit_code END AS exit_code, CASE WHEN o.ver THEN t.signal END AS signal,
       CASE WHEN o.ver THEN t.error END AS error, CASE WHEN o.ver THEN t.usage ELSE '{}' END AS usage,
       CASE WHEN o.ver THEN t.chunk_count END AS chunk_count, CASE WHEN o.ver THEN t.byte_count END AS byte_count,
       CASE WHEN o.ver THEN t.line_count END AS line_count, CASE WHEN o.ver THEN t.limit_hit END AS limit_hit,
       CASE WHEN o.ver THEN t.reason END AS reason, CASE WHEN o.ver THEN t.warning END AS warning
FROM kolony.attempts t CROSS JOIN LATERAL (SELECT coalesce(t.ended_at <= (SELECT kolony.moment()), false) AS ver) o
WHERE t.claimed_at <= (SELECT kolony.moment());

CREATE VIEW kolony.leases_then WITH (security_invoker = true) AS
SELECT t.workspace_id, t.run_id, t.attempt_id, t.agent_id, t.session_id FROM kolony.attempts t CROSS JOIN (SELECT) one
WHERE t.claimed_at <= (SELECT kolony.moment()) AND (t.ended_at IS NULL OR t.ended_at > (SELECT kolony.moment()));

CREATE VIEW kolony.attempt_steps_then WITH (security_invoker = true) AS
SELECT s.* FROM kolony.attempt_steps s CROSS JOIN (SELECT) one WHERE s.at <= (SELECT kolony.moment());

CREATE VIEW kolony.output_chunks_then WITH (security_invoker = true) AS
SELECT c.* FROM kolony.output_chunks c CROSS JOIN (SELECT) one WHERE c.at <= (SELECT kolony.moment());

CREATE VIEW kolony.trace_entries_then WITH (security_invoker = true) AS
SELECT e.workspace_id, e.run_id, e.attempt, e.key, e.day, e.entry_id, e.parent_key, e.position, e.revision, e.type, e.name,
       CASE WHEN o.ver THEN e.status ELSE 'running' END AS status, e.summary, e.input, e.input_size,
       CASE WHEN o.ver THEN e.output END AS output, CASE WHEN o.ver THEN e.output_size END AS output_size,
       CASE WHEN o.ver THEN e.error END AS error, CASE WHEN o.ver THEN e.tokens END AS tokens, e.confidence, e.attributes,
       e.started_at, CASE WHEN o.ver THEN e.ended_at END AS ended_at, CASE WHEN o.ver THEN e.duration_ms END AS duration_ms,
       e.line_from, CASE WHEN o.ver THEN e.line_to END AS line_to
FROM kolony.trace_entries e
CROSS JOIN LATERAL (SELECT e.ended_at IS NULL AND e.status <> 'running'
                        OR coalesce(e.ended_at <= (SELECT kolony.moment()), false) AS ver) o
WHERE e.started_at <= (SELECT kolony.moment());

CREATE VIEW kolony.commands_then WITH (security_invoker = true) AS
SELECT c.workspace_id, c.command_id, c.number, c.content, c.title, c.priority, c.targets, c.max_attempts, c.retry_on,
       c.time_limit_ms, c.created_by, c.created_at, c.updated_at,
       CASE WHEN c.submitted_at <= (SELECT kolony.moment()) THEN c.submitted_at END AS submitted_at,
       CASE WHEN c.finished_at <= (SELECT kolony.moment()) THEN c.outcome END AS outcome,
       CASE WHEN c.finished_at <= (SELECT kolony.moment()) THEN c.finished_at END AS finished_at, c.kind, c.parent_id,
       c.subjects, c.not_before, c.idempotency_key, c.at_a_time, c.free_seats, c.stop_after, c.target_words, c.preset_id,
       c.preset_version, c.constraint_id, c.token_budget, c.memory_limit_mb, c.cpu_limit_percent
FROM kolony.commands c CROSS JOIN (SELECT) one WHERE c.created_at <= (SELECT kolony.moment());

-- A run's columns, or what they were before the first change after the moment that wrote over them.
CREATE VIEW kolony.runs_then WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, r.ordinal, x.agent_id, x.priority, r.failed_tries, r.created_at,
       r.updated_at, CASE WHEN x.cancel_at <= (SELECT kolony.moment()) THEN x.cancel_at END AS cancel_at,
       CASE WHEN x.cancel_at <= (SELECT kolony.moment()) THEN x.cancel_by END AS cancel_by,
       CASE WHEN x.cancel_at <= (SELECT kolony.moment()) AND x.cancel_at = r.cancel_at THEN r.cancel_why END AS cancel_why,
       CASE WHEN x.finished_at <= (SELECT kolony.moment()) THEN x.outcome END AS outcome,
       CASE WHEN x.finished_at <= (SELECT kolony.moment()) THEN x.finished_at END AS finished_at,
       CASE WHEN x.finished_at <= (SELECT kolony.moment()) AND x.finished_at = r.finished_at THEN r.exit_code
            ELSE (SELECT CASE WHEN NOT EXISTS (
                      SELECT FROM kolony.events e WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id
                        AND e.kind = 'run.retried' AND e.at > t.ended_at AND e.at <= kolony.moment()) THEN t.exit_code END
                  FROM kolony.attempts t WHERE t.workspace_id = r.workspace_id AND t.run_id = r.run_id
                    AND t.ended_at <= (SELECT kolony.moment()) ORDER BY t.number DESC LIMIT 1) END AS exit_code,
       CASE WHEN x.finished_at <= (SELECT kolony.moment()) AND x.finished_at = r.finished_at THEN r.error
            ELSE (SELECT CASE WHEN NOT EXISTS (
                      SELECT FROM kolony.events e WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id
                        AND e.kind = 'run.retried' AND e.at > t.ended_at AND e.at <= kolony.moment()) THEN t.error END
                  FROM kolony.attempts t WHERE t.workspace_id = r.workspace_id AND t.run_id = r.run_id
                    AND t.ended_at <= (SELECT kolony.moment()) ORDER BY t.number DESC LIMIT 1) END AS error,
       CASE WHEN x.held_at <= (SELECT kolony.moment()) THEN x.held_at END AS held_at,
       CASE WHEN x.held_at <= (SELECT kolony.moment()) THEN x.held_by END AS held_by,
       CASE WHEN x.held_at <= (SELECT kolony.moment()) AND x.held_at = r.held_at THEN r.held_why END AS held_why,
       CASE WHEN x.interrupt_at <= (SELECT kolony.moment()) THEN x.interrupt_at END AS interrupt_at,
       CASE WHEN x.interrupt_at <= (SELECT kolony.moment()) THEN x.interrupt_by END AS interrupt_by,
       CASE WHEN x.interrupt_at <= (SELECT kolony.moment()) AND x.interrupt_at = r.interrupt_at
            THEN r.interrupt_why END AS interrupt_why,
       CASE WHEN x.interrupt_heard_at <= (SELECT kolony.moment()) THEN x.interrupt_heard_at END AS interrupt_heard_at,
       CASE WHEN x.finished_at <= (SELECT kolony.moment()) THEN x.limit_hit END AS limit_hit,
       CASE WHEN x.finished_at <= (SELECT kolony.moment()) THEN x.reason END AS reason,
       CASE WHEN x.finished_at <= (SELECT kolony.moment()) AND x.finished_at = r.finished_at THEN r.warning END AS warning
FROM kolony.runs r
LEFT JOIN (SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id, e.run_id, e.was FROM kolony.events e
           WHERE e.was IS NOT NULL AND e.run_id IS NOT NULL AND e.at > kolony.moment()
           ORDER BY e.workspace_id, e.run_id, e.at, e.event_id) w
    ON w.workspace_id = r.workspace_id AND w.run_id = r.run_id
CROSS JOIN LATERAL (SELECT
    CASE WHEN w.was IS NULL THEN r.agent_id ELSE (w.was ->> 'agent_id')::uuid END AS agent_id,
    CASE WHEN w.was IS NULL THEN r.priority ELSE (w.was ->> 'priority')::smallint END AS priority,
    CASE WHEN w.was IS NULL THEN r.outcome ELSE w.was ->> 'outcome' END AS outcome,
    CASE WHEN w.was IS NULL THEN r.finished_at ELSE (w.was ->> 'finished_at')::timestamptz END AS finished_at,
    CASE WHEN w.was IS NULL THEN r.cancel_at ELSE (w.was ->> 'cancel_at')::timestamptz END AS cancel_at,
    CASE WHEN w.was IS NULL THEN r.cancel_by ELSE (w.was ->> 'cancel_by')::uuid END AS cancel_by,
    CASE WHEN w.was IS NULL THEN r.held_at ELSE (w.was ->> 'held_at')::timestamptz END AS held_at,
    CASE WHEN w.was IS NULL THEN r.held_by ELSE (w.was ->> 'held_by')::uuid END AS held_by,
    CASE WHEN w.was IS NULL THEN r.interrupt_at ELSE (w.was ->> 'interrupt_at')::timestamptz END AS interrupt_at,
    CASE WHEN w.was IS NULL THEN r.interrupt_by ELSE (w.was ->> 'interrupt_by')::uuid END AS interrupt_by,
    CASE WHEN w.was IS NULL THEN r.interrupt_heard_at
         ELSE (w.was ->> 'interrupt_heard_at')::timestamptz END AS interrupt_heard_at,
    CASE WHEN w.was IS NULL THEN r.limit_hit ELSE w.was ->> 'limit_hit' END AS limit_hit,
    CASE WHEN w.was IS NULL THEN r.reason ELSE w.was ->> 'reason' END AS reason) x
WHERE r.created_at <= (SELECT kolony.moment());

-- All runs that had not ended, with what a list is put in order by: as in runs_then, but for all of them at once, from the
-- indexes of what is open, what ended since, what was begun and what changed since.
CREATE VIEW kolony.open_runs_then WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, r.ordinal,
       CASE WHEN w.was IS NULL THEN r.agent_id ELSE (w.was ->> 'agent_id')::uuid END AS agent_id,
       CASE WHEN w.was IS NULL THEN r.priority ELSE (w.was ->> 'priority')::smallint END AS priority, r.created_at,
       coalesce(CASE WHEN w.was IS NULL THEN r.held_at ELSE (w.was ->> 'held_at')::timestamptz END
           <= (SELECT kolony.moment()), false) AS held,
       b.run_id IS NOT NULL AS leased, coalesce(b.there AND (b.started OR h.heard), false) AS executing,
       coalesce(b.there AND NOT b.started AND NOT h.heard, false) AS dispatching, extract(epoch FROM r.created_at) AS place
FROM (SELECT o.workspace_id, o.run_id, o.command_id, o.ordinal, o.agent_id, o.priority, o.created_at, o.held_at,
             o.interrupt_heard_at FROM kolony.runs o
      WHERE o.outcome IS NULL AND o.created_at <= (SELECT kolony.moment())
      UNION ALL
      SELECT n.workspace_id, n.run_id, n.command_id, n.ordinal, n.agent_id, n.priority, n.created_at, n.held_at,
             n.interrupt_heard_at FROM kolony.runs n
      WHERE n.outcome IS NOT NULL AND n.finished_at > kolony.moment() AND n.created_at <= (SELECT kolony.moment())) r
LEFT JOIN (SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id, e.run_id, e.was FROM kolony.events e
           WHERE e.was IS NOT NULL AND e.run_id IS NOT NULL AND e.at > kolony.moment()
           ORDER BY e.workspace_id, e.run_id, e.at, e.event_id) w
    ON w.workspace_id = r.workspace_id AND w.run_id = r.run_id
LEFT JOIN (SELECT t.workspace_id, t.run_id, coalesce(t.started_at <= (SELECT kolony.moment()), false) AS started,
                  s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= (SELECT kolony.moment())
                      AS there
           FROM (SELECT l.workspace_id, l.attempt_id FROM kolony.leases l
                 UNION ALL
                 SELECT d.workspace_id, d.attempt_id FROM kolony.attempts d
                 WHERE d.ended_at IS NOT NULL AND d.ended_at > kolony.moment()) k
           CROSS JOIN LATERAL (SELECT u.* FROM kolony.attempts u
                               WHERE u.workspace_id = k.workspace_id AND u.attempt_id = k.attempt_id LIMIT 1) t
           LEFT JOIN LATERAL (SELECT v.* FROM kolony.agent_sessions_then v
                              WHERE v.workspace_id = t.workspace_id AND v.session_id = t.session_id LIMIT 1) s ON true
           WHERE t.claimed_at <= (SELECT kolony.moment())) b
    ON b.workspace_id = r.workspace_id AND b.run_id = r.run_id
CROSS JOIN LATERAL (SELECT coalesce(
    CASE WHEN w.was IS NULL THEN r.interrupt_heard_at ELSE (w.was ->> 'interrupt_heard_at')::timestamptz END
        <= (SELECT kolony.moment()), false) AS heard) h
WHERE w.was IS NULL OR ((w.was ->> 'finished_at')::timestamptz <= (SELECT kolony.moment())) IS NOT TRUE;

-- What had ended by then, by the index of ends; and what ended before then and was tried again since.
CREATE VIEW kolony.ended_runs_then WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.finished_at FROM kolony.runs r
WHERE r.outcome IS NOT NULL AND r.finished_at <= kolony.moment()
UNION ALL
SELECT w.workspace_id, w.run_id, (w.was ->> 'finished_at')::timestamptz AS finished_at
FROM (SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id, e.run_id, e.was FROM kolony.events e
      WHERE e.was IS NOT NULL AND e.run_id IS NOT NULL AND e.at > kolony.moment()
      ORDER BY e.workspace_id, e.run_id, e.at, e.event_id) w
WHERE (w.was ->> 'finished_at')::timestamptz <= (SELECT kolony.moment());

-- Runs that waited, and why: a hold, a command that comes first, or its time (after a failed try at most minutes).
CREATE VIEW kolony.waiting_runs_then WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.agent_id, r.command_id, r.ordinal, r.priority, r.created_at, r.held,
       EXISTS (SELECT FROM kolony.command_dependencies d
               JOIN kolony.commands k ON k.workspace_id = d.workspace_id AND k.command_id = d.after_id
               WHERE d.workspace_id = r.workspace_id AND d.command_id = r.command_id
                 AND (k.finished_at <= (SELECT kolony.moment())
                      AND (d.need = 'ended' OR k.outcome = 'completed')) IS NOT TRUE)
           AS after,
       CASE WHEN c.not_before > (SELECT kolony.moment()) THEN c.not_before
            WHEN w.due_at > (SELECT kolony.moment()) THEN w.due_at END AS due_at
FROM kolony.open_runs_then r
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
LEFT JOIN (SELECT DISTINCT ON (e.workspace_id, e.run_id) e.workspace_id, e.run_id,
                  (e.facts ->> 'due_at')::timestamptz AS due_at
           FROM kolony.events e
           WHERE e.kind = 'run.delayed' AND e.at <= kolony.moment() AND e.at > kolony.moment() - interval '10 minutes'
           ORDER BY e.workspace_id, e.run_id, e.at DESC) w
    ON w.workspace_id = r.workspace_id AND w.run_id = r.run_id
WHERE NOT r.leased;

CREATE VIEW kolony.run_overview_then WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, c.number AS command_number, r.ordinal,
       cardinality(c.targets) AS target_count, r.agent_id, a.name AS agent, c.title, c.created_by,
       p.login AS created_by_login, r.priority, r.created_at, r.finished_at,
       CASE WHEN r.outcome IS NOT NULL THEN r.outcome
            WHEN l.run_id IS NULL OR s.ended_at IS NOT NULL
                 OR s.last_seen + make_interval(secs => s.lease_seconds) < (SELECT kolony.moment()) THEN 'waiting'
            WHEN r.interrupt_heard_at IS NOT NULL THEN 'interrupted'
            WHEN t.started_at IS NULL THEN 'dispatching'
            ELSE 'executing' END AS status,
       r.outcome IS NULL AND l.run_id IS NOT NULL AND (s.ended_at IS NOT NULL
           OR s.last_seen + make_interval(secs => s.lease_seconds) < (SELECT kolony.moment())) AS lost,
       coalesce(t.number, 0) AS attempt, c.max_attempts, w.due_at, t.claimed_at, t.started_at, r.exit_code, r.error,
       r.cancel_at, r.cancel_why, b.login AS cancel_by_login, a.desired AS agent_desired, c.kind, c.not_before,
       c.constraint_id, r.held_at, h.login AS held_by_login, r.held_why, r.interrupt_at, i.login AS interrupt_by_login,
       r.interrupt_why, r.interrupt_heard_at, r.limit_hit,
       CASE WHEN w.held THEN 'hold' WHEN w.after THEN 'dependency' WHEN w.due_at IS NOT NULL THEN 'time' END AS waits_for,
       NULL::bigint AS position,
       CASE WHEN l.run_id IS NULL THEN 0 ELSE (
           SELECT count(*) FROM kolony.approvals q
           WHERE q.workspace_id = r.workspace_id AND q.run_id = r.run_id AND q.created_at <= (SELECT kolony.moment())
             AND (coalesce(q.answered_at, q.cancelled_at, q.expired_at) > (SELECT kolony.moment())) IS NOT FALSE
             AND (q.expires_at > (SELECT kolony.moment())) IS NOT FALSE) END AS asks,
       r.reason, r.warning
FROM kolony.runs_then r
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN LATERAL (SELECT n.* FROM kolony.agents_then n WHERE n.workspace_id = r.workspace_id AND n.agent_id = r.agent_id
              LIMIT 1) a ON true
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
LEFT JOIN kolony.profiles b ON b.profile_id = r.cancel_by
LEFT JOIN kolony.profiles h ON h.profile_id = r.held_by
LEFT JOIN kolony.profiles i ON i.profile_id = r.interrupt_by
LEFT JOIN kolony.leases_then l ON l.workspace_id = r.workspace_id AND l.run_id = r.run_id
LEFT JOIN kolony.agent_sessions_then s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
LEFT JOIN LATERAL (
    SELECT e.number, e.claimed_at, e.started_at FROM kolony.attempts_then e
    WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id ORDER BY e.number DESC LIMIT 1) t ON true
LEFT JOIN LATERAL (
    SELECT (e.facts ->> 'due_at')::timestamptz AS due_at FROM kolony.events e
    WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id AND e.kind = 'run.delayed'
      AND e.at <= kolony.moment() AND e.at > kolony.moment() - interval '10 minutes'
    ORDER BY e.at DESC LIMIT 1) d ON true
LEFT JOIN LATERAL (
    SELECT r.held_at IS NOT NULL AS held, EXISTS (SELECT FROM kolony.command_dependencies y
                   JOIN kolony.commands k ON k.workspace_id = y.workspace_id AND k.command_id = y.after_id
                   WHERE y.workspace_id = r.workspace_id AND y.command_id = r.command_id
                     AND (k.finished_at <= (SELECT kolony.moment())
                          AND (y.need = 'ended' OR k.outcome = 'completed')) IS NOT TRUE) AS after,
           CASE WHEN c.not_before > (SELECT kolony.moment()) THEN c.not_before
                WHEN d.due_at > (SELECT kolony.moment()) THEN d.due_at END AS due_at
    WHERE r.outcome IS NULL AND l.run_id IS NULL) w ON true;

CREATE VIEW kolony.run_listed_then WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, r.ordinal, r.agent_id, r.priority, r.created_at, r.finished_at, r.outcome,
       r.exit_code, r.error, r.cancel_at, r.held_at, r.limit_hit, a.name AS agent, c.number AS command_number, c.title,
       c.kind, (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = c.created_by) AS created_by_login,
       coalesce((SELECT max(e.number) FROM kolony.attempts e
                 WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id
                   AND e.claimed_at <= (SELECT kolony.moment())), 0)
           AS attempt,
       CASE WHEN r.outcome IS NOT NULL THEN r.outcome
            WHEN t.run_id IS NULL OR s.ended_at IS NOT NULL
                 OR s.last_seen + make_interval(secs => s.lease_seconds) < (SELECT kolony.moment()) THEN 'waiting'
            WHEN r.interrupt_heard_at IS NOT NULL THEN 'interrupted'
            WHEN t.started_at IS NULL THEN 'dispatching'
            ELSE 'executing' END AS status,
       r.outcome IS NULL AND t.run_id IS NOT NULL AND (s.ended_at IS NOT NULL
           OR s.last_seen + make_interval(secs => s.lease_seconds) < (SELECT kolony.moment())) AS lost,
       extract(epoch FROM r.created_at) AS place
FROM kolony.runs_then r
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
LEFT JOIN kolony.agents_then a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
LEFT JOIN kolony.attempts_then t ON t.workspace_id = r.workspace_id AND t.run_id = r.run_id AND t.ended_at IS NULL
LEFT JOIN kolony.agent_sessions_then s ON s.workspace_id = t.workspace_id AND s.session_id = t.session_id;

CREATE VIEW kolony.command_overview_then WITH (security_invoker = true) AS
SELECT c.workspace_id, c.command_id, c.number, c.title, octet_length(c.content) AS content_bytes, c.priority, c.targets,
       c.max_attempts, c.retry_on, c.time_limit_ms, c.created_by, p.login AS created_by_login, c.created_at,
       c.submitted_at, c.finished_at, k.total AS runs, k.waiting, k.dispatching, k.executing, k.completed, k.failed,
       k.cancelled,
       CASE WHEN c.outcome IS NOT NULL THEN c.outcome
            WHEN c.submitted_at IS NULL THEN 'draft'
            WHEN k.executing > 0 OR k.interrupted > 0 OR k.completed + k.failed + k.cancelled > 0 THEN 'executing'
            WHEN k.dispatching > 0 THEN 'dispatching'
            ELSE 'queued' END AS status,
       c.kind, u.number AS parent_number, c.parent_id, c.subjects, c.not_before, c.at_a_time, c.stop_after,
       c.target_words, c.preset_id, c.preset_version, c.constraint_id, c.token_budget, c.memory_limit_mb,
       c.cpu_limit_percent, c.idempotency_key, k.held, k.interrupted
FROM kolony.commands_then c
LEFT JOIN kolony.commands u ON u.workspace_id = c.workspace_id AND u.command_id = c.parent_id
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
CROSS JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE o.status = 'waiting') AS waiting,
           count(*) FILTER (WHERE o.status = 'dispatching') AS dispatching,
           count(*) FILTER (WHERE o.status = 'executing') AS executing,
           count(*) FILTER (WHERE o.status = 'completed') AS completed,
           count(*) FILTER (WHERE o.status = 'failed') AS failed,
           count(*) FILTER (WHERE o.status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE o.held_at IS NOT NULL) AS held,
           count(*) FILTER (WHERE o.status = 'interrupted') AS interrupted
    FROM kolony.run_overview_then o WHERE o.workspace_id = c.workspace_id AND o.command_id = c.command_id) k;

-- The agents of the list and, with the columns that the list has not, of an agent's own screen.
CREATE VIEW kolony.agent_listed_then WITH (security_invoker = true) AS
SELECT a.workspace_id, a.agent_id, a.name, a.type, a.category, a.description, a.tags, a.desired, a.created_at,
       c.login AS created_by_login, coalesce(live.sessions, 0) AS sessions, coalesce(live.slots, 0) AS slots,
       coalesce(work.running, 0) AS running, coalesce(queue.ready, 0) AS ready,
       coalesce(queue.scheduled, 0) AS scheduled, coalesce(queue.blocked, 0) AS blocked, newest.host, newest.version,
       newest.adapter, newest.health, newest.last_seen,
       CASE WHEN live.sessions > 0 AND work.running > 0 THEN 'busy'
            WHEN live.sessions > 0 AND NOT live.ready THEN 'connecting'
            WHEN live.sessions > 0 THEN 'online'
            WHEN newest.end_error THEN 'error'
            ELSE 'offline' END AS status,
       CASE WHEN work.running > 0 THEN 'processing'
            WHEN queue.ready + queue.scheduled + queue.blocked > 0 THEN 'queued'
            ELSE 'idle' END AS activity,
       a.icon, a.desired_why, a.desired_since, d.login AS desired_by_login, newest.pid,
       newest.started_at AS connected_at,
       CASE WHEN live.sessions IS NULL THEN coalesce(newest.ended_at, newest.last_seen) END AS disconnected_at,
       newest.end_reason
FROM kolony.agents_then a
LEFT JOIN kolony.profiles c ON c.profile_id = a.created_by
LEFT JOIN kolony.profiles d ON d.profile_id = a.desired_by
LEFT JOIN (
    SELECT s.workspace_id, s.agent_id, count(*) AS sessions, sum(s.concurrency) AS slots, bool_or(s.ready) AS ready
    FROM kolony.agent_sessions_then s
    WHERE s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= (SELECT kolony.moment())
    GROUP BY s.workspace_id, s.agent_id) live ON live.workspace_id = a.workspace_id AND live.agent_id = a.agent_id
LEFT JOIN (
    SELECT l.workspace_id, l.agent_id, count(*) AS running FROM kolony.leases_then l
    JOIN kolony.agent_sessions_then s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
    WHERE s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= (SELECT kolony.moment())
    GROUP BY l.workspace_id, l.agent_id) work ON work.workspace_id = a.workspace_id AND work.agent_id = a.agent_id
LEFT JOIN (
    SELECT q.workspace_id, q.agent_id, count(*) FILTER (WHERE NOT q.held AND NOT q.after AND q.due_at IS NULL) AS ready,
           count(*) FILTER (WHERE NOT q.held AND NOT q.after AND q.due_at IS NOT NULL) AS scheduled,
           count(*) FILTER (WHERE q.held OR q.after) AS blocked
    FROM kolony.waiting_runs_then q
    GROUP BY q.workspace_id, q.agent_id) queue ON queue.workspace_id = a.workspace_id AND queue.agent_id = a.agent_id
LEFT JOIN (
    SELECT DISTINCT ON (s.workspace_id, s.agent_id) s.* FROM kolony.agent_sessions_then s
    ORDER BY s.workspace_id, s.agent_id, s.session_id DESC) newest
    ON newest.workspace_id = a.workspace_id AND newest.agent_id = a.agent_id;

CREATE VIEW kolony.agent_overview_then WITH (security_invoker = true) AS
SELECT o.*,
       EXISTS (SELECT FROM kolony.stops s
               LEFT JOIN kolony.stopped_agents t
                   ON t.workspace_id = s.workspace_id AND t.stop_id = s.stop_id AND t.agent_id = o.agent_id
               WHERE s.workspace_id = o.workspace_id AND s.began_at <= (SELECT kolony.moment())
                 AND (s.lifted_at > (SELECT kolony.moment())) IS NOT FALSE
                 AND (t.lifted_at > (SELECT kolony.moment())) IS NOT FALSE
                 AND (s.everyone OR t.agent_id IS NOT NULL)) AS agent_stopped,
       CASE WHEN o.running = 0 THEN 0 ELSE (
           SELECT count(*) FROM kolony.approvals q
           WHERE q.workspace_id = o.workspace_id AND q.agent_id = o.agent_id AND q.created_at <= (SELECT kolony.moment())
             AND (coalesce(q.answered_at, q.cancelled_at, q.expired_at) > (SELECT kolony.moment())) IS NOT FALSE
             AND (q.expires_at > (SELECT kolony.moment())) IS NOT FALSE) END AS asks
FROM kolony.agent_listed_then o CROSS JOIN (SELECT) one;

GRANT SELECT ON kolony.agents_then, kolony.agent_sessions_then, kolony.attempts_then, kolony.leases_then,
    kolony.attempt_steps_then, kolony.output_chunks_then, kolony.trace_entries_then, kolony.commands_then,
    kolony.runs_then, kolony.open_runs_then, kolony.ended_runs_then,
    kolony.waiting_runs_then, kolony.run_overview_then, kolony.run_listed_then,
    kolony.command_overview_then, kolony.agent_listed_then, kolony.agent_overview_then TO kolony_user;

RESET ROLE;
