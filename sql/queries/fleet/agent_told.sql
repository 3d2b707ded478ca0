SELECT instructions, config FROM kolony.agents WHERE workspace_id = $1 AND agent_id = $2
