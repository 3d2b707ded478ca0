-- $1 workspace
SELECT stop_id, everyone, why, began_at, began_by_login, confirm_by, agents, confirmed, running, missing
FROM kolony.stop_overview
WHERE workspace_id = $1 AND lifted_at IS NULL
ORDER BY stop_id
