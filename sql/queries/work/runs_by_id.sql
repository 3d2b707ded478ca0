-- $1 workspace, $2 ids
SELECT * FROM kolony.run_overview WHERE workspace_id = $1 AND run_id = ANY ($2::uuid[])
