-- $1 workspace, $2 runs. Of each its last attempt, whether that has ended, and its last piece so far.
SELECT w.run_id, t.number AS attempt, t.outcome, t.output_day, coalesce(e.seq, -1) AS last
FROM unnest($2::uuid[]) AS w (run_id)
CROSS JOIN LATERAL (
    SELECT a.number, a.outcome, a.output_day FROM kolony.attempts a
    WHERE a.workspace_id = $1 AND a.run_id = w.run_id ORDER BY a.number DESC LIMIT 1) t
LEFT JOIN LATERAL (
    SELECT c.seq FROM kolony.output_chunks c
    WHERE c.workspace_id = $1 AND c.run_id = w.run_id AND c.attempt = t.number AND c.day = t.output_day
    ORDER BY c.seq DESC LIMIT 1) e ON true
