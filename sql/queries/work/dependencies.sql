-- What a command comes after. $1 workspace, $2 command
SELECT d.after_id AS command_id, o.number, d.need, o.status, o.title
FROM kolony.command_dependencies d
JOIN kolony.command_overview o ON o.workspace_id = d.workspace_id AND o.command_id = d.after_id
WHERE d.workspace_id = $1 AND d.command_id = $2
ORDER BY o.number
