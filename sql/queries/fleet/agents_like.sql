-- $1 workspace, $2 pattern, $3 limit
SELECT agent_id, name FROM kolony.agents
WHERE workspace_id = $1 AND desired <> 'retired' AND lower(name) LIKE $2
ORDER BY name
LIMIT $3
