-- The queue ($2 runs at most) and below it what ended since $3, newest end first ($4 at most). One statement, so that a
-- run which ends or is retried meanwhile is in exactly one of them. What ended is looked for among the newest runs of
-- each outcome: a long past costs nothing.
SELECT * FROM (
    (SELECT o.* FROM kolony.runs r
     JOIN kolony.run_overview o ON o.workspace_id = r.workspace_id AND o.run_id = r.run_id
     WHERE r.workspace_id = $1 AND r.outcome IS NULL
     ORDER BY (o.status = 'executing') DESC, (o.status = 'dispatching') DESC, o.priority DESC, o.created_at, o.run_id
     LIMIT $2)
    UNION ALL
    (SELECT o.*
     FROM (SELECT ended.* FROM unnest(ARRAY['completed', 'failed', 'cancelled']) AS wanted (outcome)
           CROSS JOIN LATERAL (
               SELECT r.workspace_id, r.run_id, r.finished_at FROM kolony.runs r
               WHERE r.workspace_id = $1 AND r.outcome = wanted.outcome
               ORDER BY r.run_id DESC
               LIMIT 4 * $4::integer) AS ended
           WHERE ended.finished_at > $3
           ORDER BY ended.finished_at DESC, ended.run_id DESC
           LIMIT $4) AS late
     CROSS JOIN LATERAL (SELECT v.* FROM kolony.run_overview v
                         WHERE v.workspace_id = late.workspace_id AND v.run_id = late.run_id LIMIT 1) AS o)
) AS shown
ORDER BY finished_at DESC NULLS FIRST, (status = 'executing') DESC, (status = 'dispatching') DESC, priority DESC,
         created_at, run_id
