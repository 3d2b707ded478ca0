-- As listed_open, in the queue's own order and without a filter: at most $3 of each of the places where an open run can
-- stand are put in order, so that a backlog of any length is counted and no more. $1 workspace, $2 first place (from 0),
-- $3 place after the last, $4 since when ended runs are shown, $5 how many of them at most.
WITH begun AS MATERIALIZED (
    SELECT o.run_id, o.priority, o.place, o.status IN ('executing', 'interrupted') AS executing,
           o.status = 'dispatching' AS dispatching
    FROM kolony.leases l JOIN kolony.run_listed o ON o.workspace_id = l.workspace_id AND o.run_id = l.run_id
    WHERE l.workspace_id = $1 AND o.workspace_id = $1 AND o.outcome IS NULL),
waiting AS MATERIALIZED (
    (SELECT q.run_id, q.priority, q.place FROM kolony.ready_runs q
     WHERE q.workspace_id = $1 ORDER BY q.priority DESC, q.place, q.run_id LIMIT $3)
    UNION ALL
    (SELECT k.run_id, k.priority, k.place FROM kolony.blocked_runs k
     WHERE k.workspace_id = $1 ORDER BY k.priority DESC, k.place, k.run_id LIMIT $3)
    UNION ALL
    (SELECT d.run_id, d.priority, extract(epoch FROM r.created_at) AS place
     FROM kolony.scheduled_runs d JOIN kolony.runs r ON r.workspace_id = d.workspace_id AND r.run_id = d.run_id
     WHERE d.workspace_id = $1 AND r.workspace_id = $1
     ORDER BY d.priority DESC, extract(epoch FROM r.created_at), d.run_id LIMIT $3)),
many AS MATERIALIZED (
    SELECT (SELECT count(*) FROM begun) + (SELECT count(*) FROM kolony.ready_runs q WHERE q.workspace_id = $1)
         + (SELECT count(*) FROM kolony.blocked_runs k WHERE k.workspace_id = $1)
         + (SELECT count(*) FROM kolony.scheduled_runs d WHERE d.workspace_id = $1) AS open),
open AS MATERIALIZED (
    SELECT u.run_id, row_number() OVER (ORDER BY u.executing DESC, u.dispatching DESC, u.priority DESC, u.place, u.run_id)
                     - 1 AS place
    FROM (SELECT * FROM begun
          UNION ALL SELECT w.run_id, w.priority, w.place, false, false FROM waiting w) u
          (run_id, priority, place, executing, dispatching)
    ORDER BY 2 LIMIT $3),
ended AS MATERIALIZED (
    SELECT l.run_id, row_number() OVER (ORDER BY l.finished_at DESC, l.run_id DESC) - 1 + (SELECT m.open FROM many m)
                     AS place
    FROM (SELECT r.run_id, r.finished_at FROM kolony.runs r
          WHERE r.workspace_id = $1 AND r.outcome IS NOT NULL AND r.finished_at > $4
          ORDER BY r.finished_at DESC LIMIT $5) l),
shown AS (
    SELECT * FROM open UNION ALL SELECT * FROM ended)
SELECT n.passed, n.open, p.place, v.*
FROM (SELECT m.open, m.open + (SELECT count(*) FROM ended) AS passed FROM many m) n
LEFT JOIN shown p ON p.place >= $2 AND p.place < $3
LEFT JOIN LATERAL (SELECT * FROM kolony.run_overview w
                   WHERE w.workspace_id = $1 AND w.run_id = p.run_id LIMIT 1) v ON true
ORDER BY p.place
