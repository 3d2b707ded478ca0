SELECT o.*, c.content, c.time_limit_ms, c.token_budget, c.memory_limit_mb, c.cpu_limit_percent, n.name AS constraint_name
FROM kolony.run_overview o
JOIN kolony.commands c ON c.workspace_id = o.workspace_id AND c.command_id = o.command_id
LEFT JOIN kolony.constraint_profiles n ON n.workspace_id = c.workspace_id AND n.constraint_id = c.constraint_id
WHERE o.workspace_id = $1 AND o.run_id = $2
