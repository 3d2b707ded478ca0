-- $1 workspace, $2 ids
SELECT * FROM kolony.agent_overview WHERE workspace_id = $1 AND agent_id = ANY ($2::uuid[])
