SELECT t.number, t.outcome, t.claimed_at, t.started_at, t.ended_at, s.host, t.exit_code, t.signal, t.error,
       coalesce(u.usage, '{}') || t.usage AS usage, t.chunk_count, t.byte_count, t.line_count, t.reason, t.warning
FROM kolony.attempts t
JOIN kolony.agent_sessions s ON s.workspace_id = t.workspace_id AND s.session_id = t.session_id
LEFT JOIN kolony.usage_overview u ON u.workspace_id = t.workspace_id AND u.attempt_id = t.attempt_id
WHERE t.workspace_id = $1 AND t.run_id = $2
ORDER BY t.number
