-- The last attempt of a run, whether it has ended, how many chunks it has then, and the day they are filed under.
SELECT t.number AS attempt, t.outcome, t.chunk_count, t.output_day
FROM kolony.attempts t
WHERE t.workspace_id = $1 AND t.run_id = $2 AND ($3::integer IS NULL OR t.number = $3)
ORDER BY t.number DESC
LIMIT 1
