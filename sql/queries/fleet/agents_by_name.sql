SELECT * FROM kolony.agent_overview
WHERE workspace_id = $1 AND name = ANY ($2::text[])
