-- Runs that failed or were cancelled and that a filter lets pass, oldest first. $1 workspace; the filter's parameters
-- from $2 on
SELECT * FROM (
    SELECT o.* FROM kolony.runs r
    JOIN kolony.run_overview o ON o.workspace_id = r.workspace_id AND o.run_id = r.run_id
    WHERE r.workspace_id = $1 AND r.outcome IN ('failed', 'cancelled')) AS ended_runs
WHERE /* filter */ true
ORDER BY run_id
