SELECT agent_id FROM kolony.agents
WHERE workspace_id = $1 AND desired <> 'retired'
ORDER BY name
