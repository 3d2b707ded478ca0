-- $1 workspace, $2 status or null, $3 agent or null, $4 limit
SELECT * FROM kolony.run_overview
WHERE workspace_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR agent_id = $3)
ORDER BY run_id DESC
LIMIT $4
