-- The runs of a command that have proposed a plan. $1 workspace, $2 command
SELECT r.run_id
FROM kolony.runs r
WHERE r.workspace_id = $1 AND r.command_id = $2
  AND EXISTS (SELECT FROM kolony.plan_items i WHERE i.workspace_id = r.workspace_id AND i.run_id = r.run_id)
ORDER BY r.ordinal
