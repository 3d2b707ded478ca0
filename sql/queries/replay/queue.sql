-- work/queue_window for a moment of the past: all that was open then is put in order and counted by little of it, and what
-- is shown is read by key. $1 workspace, $2 first place (from 0), $3 place after the last, $4 since when ended runs are
-- shown, $5 how many of them at most; $6, as many as were counted elsewhere, is of now and means nothing here.
WITH open AS MATERIALIZED (
    SELECT o.run_id, o.executing, o.dispatching, o.priority, o.place FROM kolony.open_runs_then o WHERE o.workspace_id = $1),
many AS MATERIALIZED (
    SELECT count(*) AS open FROM open),
begin AS MATERIALIZED (
    SELECT o.* FROM open o ORDER BY o.executing DESC, o.dispatching DESC, o.priority DESC, o.place, o.run_id LIMIT $3),
ended AS MATERIALIZED (
    SELECT l.run_id, l.finished_at FROM kolony.ended_runs_then l
    WHERE l.workspace_id = $1 AND l.finished_at > $4 ORDER BY l.finished_at DESC, l.run_id DESC LIMIT $5),
shown AS (
    SELECT b.run_id, row_number() OVER (ORDER BY b.executing DESC, b.dispatching DESC, b.priority DESC, b.place, b.run_id)
                     - 1 AS place
    FROM begin b
    UNION ALL
    SELECT l.run_id, row_number() OVER (ORDER BY l.finished_at DESC, l.run_id DESC) - 1 + (SELECT m.open FROM many m)
    FROM ended l)
SELECT n.passed, n.open, p.place, v.*
FROM (SELECT m.open, m.open + (SELECT count(*) FROM ended) AS passed FROM many m WHERE $6::bigint IS NOT NULL) n
LEFT JOIN shown p ON p.place >= $2 AND p.place < $3
LEFT JOIN LATERAL (SELECT * FROM kolony.run_overview w
                   WHERE w.workspace_id = $1 AND w.run_id = p.run_id LIMIT 1) v ON true
ORDER BY p.place
