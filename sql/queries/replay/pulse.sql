-- fleet/pulse for a moment of the past, where what was open and what had ended are counted by little of each run.
-- $1 workspace, $2 the minute from which on ended runs are counted
SELECT (SELECT count(*) FROM kolony.agents a WHERE a.workspace_id = $1 AND a.desired <> 'retired') AS agents,
       (SELECT count(DISTINCT s.agent_id) FROM kolony.agent_sessions s
        WHERE s.workspace_id = $1 AND s.ended_at IS NULL
          AND s.last_seen + make_interval(secs => s.lease_seconds) >= now()) AS online,
       (SELECT count(DISTINCT l.agent_id) FROM kolony.leases l
        JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
        WHERE l.workspace_id = $1 AND s.ended_at IS NULL
          AND s.last_seen + make_interval(secs => s.lease_seconds) >= now()) AS busy,
       (SELECT count(*) FROM kolony.open_runs_then o WHERE o.workspace_id = $1) AS open_runs,
       (SELECT coalesce(jsonb_object_agg(m.minute, m.ended), '{}')
        FROM (SELECT floor(extract(epoch FROM e.finished_at) / 60)::bigint AS minute, count(*) AS ended
              FROM kolony.ended_runs_then e WHERE e.workspace_id = $1 AND e.finished_at >= $2 GROUP BY 1) m) AS ended
