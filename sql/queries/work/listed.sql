-- A window of all runs, newest first. $1 workspace, $2 first place (from 0), $3 how many; the filter's parameters from $4
WITH chosen AS MATERIALIZED (
    SELECT o.run_id FROM kolony.run_listed o
    WHERE o.workspace_id = $1 AND /* filter */ true
    ORDER BY o.run_id DESC OFFSET $2 LIMIT $3)
SELECT v.* FROM chosen s
CROSS JOIN LATERAL (SELECT * FROM kolony.run_overview w
                    WHERE w.workspace_id = $1 AND w.run_id = s.run_id LIMIT 1) v
ORDER BY v.run_id DESC
