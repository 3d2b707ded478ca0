-- $1 workspace, $2 retired ones too
SELECT name AS agent, agent_id, name, type, category, icon, description, desired, desired_why, desired_since,
       desired_by_login, created_by_login, created_at, status, activity, sessions, slots, running, ready, scheduled, host,
       version, adapter, pid, health, connected_at, disconnected_at, last_seen, end_reason,
       blocked, agent_stopped, asks, tags
FROM kolony.agent_overview
WHERE workspace_id = $1 AND ($2::boolean OR desired <> 'retired')
ORDER BY name
