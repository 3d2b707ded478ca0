-- As listed_open, in the queue's own order and without a filter: at most $3 of each of the places where an open run can
-- stand are put in order, each by an index. Of a long backlog no more than some thousand are counted, as long as the
-- window is near its top: then $6, as many as were counted elsewhere lately, stands for the rest. $1 workspace, $2 first
-- place (from 0), $3 place after the last, $4 since when ended runs are shown, $5 how many of them at most.
WITH begun AS MATERIALIZED (
    SELECT r.run_id, r.priority, extract(epoch FROM r.created_at) AS place,
           coalesce(s.there AND (r.interrupt_heard_at IS NOT NULL OR t.started_at IS NOT NULL), false) AS executing,
           coalesce(s.there AND r.interrupt_heard_at IS NULL AND t.started_at IS NULL, false) AS dispatching
    FROM kolony.leases l JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
    -- LIMIT 1: by key and never by reading all of them, whatever the planner believes of their number.
    LEFT JOIN LATERAL (SELECT i.ended_at IS NULL AND i.last_seen + make_interval(secs => i.lease_seconds) >= now() AS there
                       FROM kolony.agent_sessions i
                       WHERE i.workspace_id = l.workspace_id AND i.session_id = l.session_id LIMIT 1) s ON true
    LEFT JOIN LATERAL (SELECT e.started_at FROM kolony.attempts e
                       WHERE e.workspace_id = l.workspace_id AND e.attempt_id = l.attempt_id LIMIT 1) t ON true
    WHERE l.workspace_id = $1 AND r.workspace_id = $1 AND r.outcome IS NULL),
waiting AS MATERIALIZED (
    (SELECT q.run_id, q.priority, q.place FROM kolony.ready_runs q
     WHERE q.workspace_id = $1 ORDER BY - q.priority, q.place, q.run_id LIMIT $3)
    UNION ALL
    (SELECT k.run_id, k.priority, k.place FROM kolony.blocked_runs k
     WHERE k.workspace_id = $1 ORDER BY - k.priority, k.place, k.run_id LIMIT $3)
    UNION ALL
    (SELECT d.run_id, d.priority, extract(epoch FROM r.created_at) AS place
     FROM kolony.scheduled_runs d JOIN kolony.runs r ON r.workspace_id = d.workspace_id AND r.run_id = d.run_id
     WHERE d.workspace_id = $1 AND r.workspace_id = $1
     ORDER BY d.priority DESC, extract(epoch FROM r.created_at), d.run_id LIMIT $3)),
bound AS MATERIALIZED (
    SELECT CASE WHEN $3 <= 5000 THEN 10000 END AS most),
counted AS MATERIALIZED (
    SELECT (SELECT count(*) FROM begun) AS begun,
           (SELECT count(*) FROM (SELECT FROM kolony.ready_runs q WHERE q.workspace_id = $1
                                  LIMIT (SELECT b.most FROM bound b)) n) AS ready,
           (SELECT count(*) FROM (SELECT FROM kolony.blocked_runs k WHERE k.workspace_id = $1
                                  LIMIT (SELECT b.most FROM bound b)) n) AS blocked,
           (SELECT count(*) FROM (SELECT FROM kolony.scheduled_runs d WHERE d.workspace_id = $1
                                  LIMIT (SELECT b.most FROM bound b)) n) AS scheduled),
many AS MATERIALIZED (
    SELECT greatest(c.begun + c.ready + c.blocked + c.scheduled,
                    CASE WHEN greatest(c.ready, c.blocked, c.scheduled) >= b.most THEN $6::bigint END) AS open
    FROM counted c, bound b),
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
