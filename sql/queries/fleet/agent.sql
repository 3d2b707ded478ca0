SELECT * FROM kolony.agent_overview
WHERE workspace_id = $1 AND agent_id = $2
