-- Runs that failed or were cancelled and that a filter lets pass, oldest first. $1 workspace; the filter's parameters
-- from $2 on
WITH hit AS MATERIALIZED (
    SELECT o.run_id FROM kolony.run_listed o
    WHERE o.workspace_id = $1 AND o.outcome IN ('failed', 'cancelled') AND /* filter */ true)
SELECT v.* FROM hit h
CROSS JOIN LATERAL (SELECT * FROM kolony.run_overview w WHERE w.workspace_id = $1 AND w.run_id = h.run_id LIMIT 1) v
ORDER BY v.run_id
