-- Storage parameters of tables that change all the time, so that they stay small, and ways into them that no statistics
-- can hide.

SET LOCAL ROLE kolony_owner;

-- Leases are none one moment and many the next, and ANALYZE may have seen either. Where it saw nothing, any index that
-- begins with the workspace looks as good as the right one, and the planner may read through all of them to find one. So
-- each index begins with what it is for, and each way in has one index that fits. (What else is hot is read by its order
-- or by its place, which leaves no choice.)
--
-- A lease is an attempt's, and the attempt refers to its run, agent and session: once is enough for each claim.
ALTER TABLE kolony.leases
    DROP CONSTRAINT leases_workspace_id_run_id_fkey,
    DROP CONSTRAINT leases_workspace_id_agent_id_fkey,
    DROP CONSTRAINT leases_workspace_id_session_id_fkey,
    DROP CONSTRAINT leases_pkey, ADD PRIMARY KEY (run_id, workspace_id),
    DROP CONSTRAINT leases_workspace_id_attempt_id_key, ADD UNIQUE (attempt_id, workspace_id);
DROP INDEX kolony.leases_by_session;
CREATE INDEX leases_by_session ON kolony.leases (session_id);
DROP INDEX kolony.leases_by_agent;
CREATE INDEX leases_by_agent ON kolony.leases (agent_id);

-- Dead rows of the hot tables are cleared away after some hundred, whatever their size, and without pauses.
ALTER TABLE kolony.scheduled_runs SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE kolony.leases SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE kolony.agent_sessions SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- History that is written twice more after it was inserted, soon: with room in its pages for the new versions of a row.
-- By their share alone a table of a million would be vacuumed after 200,000 dead rows; by these after some thousand.
ALTER TABLE kolony.runs SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE kolony.attempts SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE kolony.commands SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE kolony.attempt_usage SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000);
ALTER TABLE kolony.budget_spending SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE kolony.usage_days SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE kolony.agents SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
ALTER TABLE kolony.agent_tokens SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500);

-- The head of a long queue, for who looks at it. By an expression, so that no claim takes it for an agent's own queue.
CREATE INDEX ready_runs_in_order ON kolony.ready_runs (workspace_id, (- priority), place, run_id);
CREATE INDEX blocked_runs_in_order ON kolony.blocked_runs (workspace_id, (- priority), place, run_id);

-- As in 0042, but a run's position is found by going through its agent's queue in order, at most 1,000 of it: no index
-- can count who is ahead, as row security keeps comparisons of numeric from it, and each run would cost its whole queue.
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
           SELECT (SELECT n.nth FROM (
                       SELECT a.run_id, row_number() OVER (ORDER BY a.priority DESC, a.place, a.run_id) AS nth
                       FROM kolony.ready_runs a WHERE a.workspace_id = q.workspace_id AND a.agent_id = q.agent_id
                       ORDER BY a.priority DESC, a.place, a.run_id LIMIT 1000) n
                   WHERE n.run_id = q.run_id LIMIT 1)
           FROM kolony.ready_runs q WHERE q.workspace_id = r.workspace_id AND q.run_id = r.run_id) END AS position,
       CASE WHEN l.run_id IS NULL THEN 0
            ELSE kolony.open_asks(r.workspace_id, r.agent_id, r.run_id) END AS asks,
       r.reason, r.warning
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

RESET ROLE;
