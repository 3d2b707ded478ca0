-- What these agents work on, of each the run that it began last. $1 workspace, $2 agents
SELECT DISTINCT ON (v.agent_id) v.* FROM kolony.leases l
CROSS JOIN LATERAL (SELECT * FROM kolony.run_overview w
                    WHERE w.workspace_id = l.workspace_id AND w.run_id = l.run_id LIMIT 1) v
WHERE l.workspace_id = $1 AND l.agent_id = ANY ($2::uuid[]) AND v.status = 'executing'
ORDER BY v.agent_id, v.started_at DESC
