-- $1 workspace, $2 agent, $3 limit
SELECT s.session_id, s.host, s.pid, s.version, s.adapter, s.concurrency, s.started_at, s.last_seen, s.ended_at,
       s.end_reason, s.end_error,
       s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= now() AS alive
FROM kolony.agent_sessions s
WHERE s.workspace_id = $1 AND s.agent_id = $2
ORDER BY s.session_id DESC
LIMIT $3
