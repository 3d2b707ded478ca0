-- What lists of a large workspace choose their rows by: the overviews' columns, of which each costs only where it is asked
-- for. Whoever shows rows takes those few from the overviews.

SET LOCAL ROLE kolony_owner;

-- What ended lately, and how many runs end in a minute.
CREATE INDEX runs_ended ON kolony.runs (workspace_id, finished_at) WHERE outcome IS NOT NULL;

-- Only outer joins by key: the planner leaves out those of which no column is used; and of a command each column by
-- itself, so that a search reads commands by key and never all of them. Open runs are put in order by place.
CREATE VIEW kolony.run_listed WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, r.ordinal, r.agent_id, r.priority, r.created_at, r.finished_at, r.outcome,
       r.exit_code, r.error, r.cancel_at, r.held_at, r.limit_hit, a.name AS agent,
       (SELECT c.number FROM kolony.commands c
        WHERE c.workspace_id = r.workspace_id AND c.command_id = r.command_id) AS command_number,
       (SELECT c.title FROM kolony.commands c
        WHERE c.workspace_id = r.workspace_id AND c.command_id = r.command_id) AS title,
       (SELECT c.kind FROM kolony.commands c
        WHERE c.workspace_id = r.workspace_id AND c.command_id = r.command_id) AS kind,
       (SELECT p.login FROM kolony.commands c JOIN kolony.profiles p ON p.profile_id = c.created_by
        WHERE c.workspace_id = r.workspace_id AND c.command_id = r.command_id) AS created_by_login,
       coalesce((SELECT max(e.number) FROM kolony.attempts e
                 WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id), 0) AS attempt,
       CASE WHEN r.outcome IS NOT NULL THEN r.outcome
            WHEN l.run_id IS NULL OR s.ended_at IS NOT NULL
                 OR s.last_seen + make_interval(secs => s.lease_seconds) < now() THEN 'waiting'
            WHEN r.interrupt_heard_at IS NOT NULL THEN 'interrupted'
            WHEN t.started_at IS NULL THEN 'dispatching'
            ELSE 'executing' END AS status,
       r.outcome IS NULL AND l.run_id IS NOT NULL AND (s.ended_at IS NOT NULL
           OR s.last_seen + make_interval(secs => s.lease_seconds) < now()) AS lost,
       coalesce(q.place, k.place, extract(epoch FROM r.created_at)) AS place
FROM kolony.runs r
LEFT JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
LEFT JOIN kolony.leases l ON l.workspace_id = r.workspace_id AND l.run_id = r.run_id
LEFT JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
LEFT JOIN kolony.attempts t ON t.workspace_id = l.workspace_id AND t.attempt_id = l.attempt_id
LEFT JOIN kolony.ready_runs q ON q.workspace_id = r.workspace_id AND q.run_id = r.run_id
LEFT JOIN kolony.blocked_runs k ON k.workspace_id = r.workspace_id AND k.run_id = r.run_id;

GRANT SELECT ON kolony.run_listed TO kolony_user, kolony_api;

RESET ROLE;
