-- The last attempt of a run, whether it has ended and how many chunks it has then.
SELECT t.number AS attempt, t.outcome, t.chunk_count
FROM kolony.attempts t
WHERE t.workspace_id = $1 AND t.run_id = $2 AND ($3::integer IS NULL OR t.number = $3)
ORDER BY t.number DESC
LIMIT 1
