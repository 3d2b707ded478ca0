-- $1 workspace, $2 status or null, $3 agent or null, $4 limit
SELECT '#' || command_number || CASE WHEN target_count > 1 THEN '.' || ordinal ELSE '' END AS reference,
       run_id, command_id, command_number, ordinal, target_count, agent_id, agent, title, created_by_login, priority,
       created_at, finished_at, status, lost, attempt, max_attempts, due_at, claimed_at, started_at, exit_code, error,
       cancel_at, cancel_why, cancel_by_login, agent_desired, kind, not_before, held_at, held_by_login, held_why,
       interrupt_at, interrupt_by_login, interrupt_why, interrupt_heard_at, limit_hit, waits_for, position, asks,
       reason, warning
FROM kolony.run_overview
WHERE workspace_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR agent_id = $3)
ORDER BY run_id DESC
LIMIT $4
