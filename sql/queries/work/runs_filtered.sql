-- Runs that a filter lets pass, newest first. $1 workspace, $2 limit; the filter's parameters from $3 on
WITH hit AS MATERIALIZED (
    SELECT o.run_id FROM kolony.run_listed o
    WHERE o.workspace_id = $1 AND /* filter */ true
    ORDER BY o.run_id DESC LIMIT $2)
SELECT v.* FROM hit h
CROSS JOIN LATERAL (SELECT * FROM kolony.run_overview w WHERE w.workspace_id = $1 AND w.run_id = h.run_id LIMIT 1) v
ORDER BY v.run_id DESC
