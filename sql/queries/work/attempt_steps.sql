SELECT t.number AS attempt, e.step, e.detail, e.at
FROM kolony.attempts t
JOIN kolony.attempt_steps e ON e.workspace_id = t.workspace_id AND e.attempt_id = t.attempt_id
WHERE t.workspace_id = $1 AND t.run_id = $2
ORDER BY t.number, e.number
