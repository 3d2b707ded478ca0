SELECT * FROM kolony.run_overview
WHERE workspace_id = $1 AND command_id = $2
ORDER BY ordinal
