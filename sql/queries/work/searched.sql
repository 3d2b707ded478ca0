-- Looks through the $3 newest runs before $2 that it is about, and gives the first $4 of them that pass. $1 workspace;
-- parameters of what it is about and of the filter from $5 on. The first row says up to which run was looked and through
-- how many, and may have no run.
WITH edge AS MATERIALIZED (
    SELECT (array_agg(b.run_id ORDER BY b.run_id))[1] AS reached, count(*) AS searched
    FROM (SELECT o.run_id FROM kolony.run_listed o
          WHERE o.workspace_id = $1 AND o.run_id < $2 AND /* about */ true ORDER BY o.run_id DESC LIMIT $3) b),
hit AS MATERIALIZED (
    SELECT o.run_id FROM kolony.run_listed o
    WHERE o.workspace_id = $1 AND o.run_id < $2 AND o.run_id >= (SELECT e.reached FROM edge e) AND /* about */ true
      AND /* filter */ true),
few AS (
    SELECT h.run_id FROM hit h ORDER BY h.run_id DESC LIMIT $4)
SELECT e.reached, e.searched, v.*
FROM edge e
LEFT JOIN few f ON true
LEFT JOIN LATERAL (SELECT * FROM kolony.run_overview w
                   WHERE w.workspace_id = $1 AND w.run_id = f.run_id LIMIT 1) v ON true
ORDER BY v.run_id DESC
