-- $1 workspace, $2 status or null, $3 limit
SELECT * FROM kolony.command_overview
WHERE workspace_id = $1 AND ($2::text IS NULL OR status = $2)
ORDER BY command_id DESC
LIMIT $3
