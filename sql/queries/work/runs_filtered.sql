-- Runs that a filter lets pass, newest first. $1 workspace, $2 limit; the filter's parameters from $3 on
SELECT * FROM kolony.run_overview
WHERE workspace_id = $1 AND /* filter */ true
ORDER BY run_id DESC
LIMIT $2
