-- The rules that answer agents, the newest first. $1 workspace, $2 also those that are over or revoked
SELECT rule_id AS id, agent, tool, prefix, decision, until, hits, last_hit_at, created_by_login AS created_by, created_at,
       note, state, revoked_by_login AS revoked_by, revoked_at, agent_id
FROM kolony.approval_rule_overview
WHERE workspace_id = $1 AND ($2::boolean OR state = 'in force')
ORDER BY created_at DESC, rule_id DESC
LIMIT 1000
