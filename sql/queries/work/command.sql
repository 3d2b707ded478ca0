SELECT o.*, c.content
FROM kolony.command_overview o
JOIN kolony.commands c ON c.workspace_id = o.workspace_id AND c.command_id = o.command_id
WHERE o.workspace_id = $1 AND o.command_id = $2
