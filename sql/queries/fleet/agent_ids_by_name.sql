SELECT name, agent_id, desired FROM kolony.agents
WHERE workspace_id = $1 AND name = ANY ($2::text[])
