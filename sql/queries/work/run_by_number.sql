SELECT r.run_id, cardinality(c.targets) AS target_count
FROM kolony.commands c
JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
WHERE c.workspace_id = $1 AND c.number = $2 AND ($3::integer IS NULL OR r.ordinal = $3)
ORDER BY r.ordinal
LIMIT 2
