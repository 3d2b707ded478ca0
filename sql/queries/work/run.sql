SELECT o.*, c.content, c.time_limit_ms
FROM kolony.run_overview o
JOIN kolony.commands c ON c.workspace_id = o.workspace_id AND c.command_id = o.command_id
WHERE o.workspace_id = $1 AND o.run_id = $2
