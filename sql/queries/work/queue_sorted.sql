-- As listed_open, without a filter and in another order than the queue's own: of a backlog only the 5,000 that come first
-- in the queue are put in order (and 5,000 that are begun). $1 workspace, $2 first place (from 0), $3 place after the last,
-- $4 since when ended runs are shown, $5 how many of them at most. The first row says also whether these are all.
WITH begun AS MATERIALIZED (
    SELECT l.run_id FROM kolony.leases l WHERE l.workspace_id = $1 LIMIT 5000),
waiting AS MATERIALIZED (
    SELECT w.run_id
    FROM ((SELECT q.run_id, - q.priority AS rank, q.place FROM kolony.ready_runs q
           WHERE q.workspace_id = $1 ORDER BY - q.priority, q.place, q.run_id LIMIT 5000)
          UNION ALL
          (SELECT k.run_id, - k.priority, k.place FROM kolony.blocked_runs k
           WHERE k.workspace_id = $1 ORDER BY - k.priority, k.place, k.run_id LIMIT 5000)
          UNION ALL
          (SELECT d.run_id, - d.priority, 'infinity'::numeric FROM kolony.scheduled_runs d
           WHERE d.workspace_id = $1 ORDER BY - d.priority, d.run_id LIMIT 5000)) w
    ORDER BY w.rank, w.place, w.run_id LIMIT 5000),
open AS MATERIALIZED (
    SELECT o.run_id, row_number() OVER (ORDER BY /* order */ (o.status IN ('executing', 'interrupted')) DESC,
           (o.status = 'dispatching') DESC, o.priority DESC, o.place, o.run_id) - 1 AS place
    FROM kolony.run_listed o
    WHERE o.workspace_id = $1 AND o.outcome IS NULL
      AND o.run_id = ANY (ARRAY(SELECT b.run_id FROM begun b UNION SELECT w.run_id FROM waiting w)) AND /* filter */ true),
ended AS MATERIALIZED (
    SELECT l.run_id, row_number() OVER (ORDER BY l.finished_at DESC, l.run_id DESC) - 1
                     + (SELECT count(*) FROM open) AS place
    FROM (SELECT r.run_id, r.finished_at FROM kolony.runs r
          WHERE r.workspace_id = $1 AND r.outcome IS NOT NULL AND r.finished_at > $4
          ORDER BY r.finished_at DESC LIMIT $5) l),
shown AS (
    SELECT * FROM open UNION ALL SELECT * FROM ended)
SELECT n.passed, n.whole, p.place, v.*
FROM (SELECT (SELECT count(*) FROM open) + (SELECT count(*) FROM ended) AS passed,
             greatest((SELECT count(*) FROM begun), (SELECT count(*) FROM waiting)) < 5000 AS whole) n
LEFT JOIN shown p ON p.place >= $2 AND p.place < $3
LEFT JOIN LATERAL (SELECT * FROM kolony.run_overview w
                   WHERE w.workspace_id = $1 AND w.run_id = p.run_id LIMIT 1) v ON true
ORDER BY p.place
