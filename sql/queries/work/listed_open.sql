-- A window of what goes on and waits and, below, of what ended since $4 ($5 at most), newest end first. $1 workspace,
-- $2 first place (from 0), $3 place after the last; the filter's parameters from $6 on. The first row says how many pass
-- and how many of them are open, and may have no run. One statement, so that a run which ends or is retried meanwhile is
-- in exactly one of both.
WITH open AS MATERIALIZED (
    SELECT o.run_id, row_number() OVER (ORDER BY /* order */ (o.status IN ('executing', 'interrupted')) DESC,
           (o.status = 'dispatching') DESC, o.priority DESC, o.place, o.run_id) - 1 AS place
    FROM kolony.run_listed o
    WHERE o.workspace_id = $1 AND o.outcome IS NULL AND /* filter */ true),
ended AS MATERIALIZED (
    SELECT l.run_id, row_number() OVER (ORDER BY l.finished_at DESC, l.run_id DESC) - 1
                     + (SELECT count(*) FROM open) AS place
    FROM (SELECT o.run_id, o.finished_at FROM kolony.run_listed o
          WHERE o.workspace_id = $1 AND o.outcome IS NOT NULL AND o.finished_at > $4 AND /* filter */ true
          ORDER BY o.finished_at DESC LIMIT $5) l),
shown AS (
    SELECT * FROM open UNION ALL SELECT * FROM ended)
SELECT n.passed, n.open, p.place, v.*
FROM (SELECT (SELECT count(*) FROM open) AS open, (SELECT count(*) FROM shown) AS passed) n
LEFT JOIN shown p ON p.place >= $2 AND p.place < $3
LEFT JOIN LATERAL (SELECT * FROM kolony.run_overview w
                   WHERE w.workspace_id = $1 AND w.run_id = p.run_id LIMIT 1) v ON true
ORDER BY p.place
