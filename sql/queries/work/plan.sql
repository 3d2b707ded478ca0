-- The items of the plan that a run proposed. $1 workspace, $2 run
SELECT item, command_id, number, title, content, priority, agent_id, agent, after_items, state
FROM kolony.plan_overview
WHERE workspace_id = $1 AND run_id = $2
ORDER BY item
