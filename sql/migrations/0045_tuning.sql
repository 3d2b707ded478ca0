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

RESET ROLE;
