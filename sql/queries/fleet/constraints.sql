-- $1 workspace
SELECT c.constraint_id, c.name, c.description, c.time_limit_ms, c.token_budget, c.memory_limit_mb, c.cpu_limit_percent,
       c.is_default, p.login AS created_by_login, c.created_at, c.updated_at
FROM kolony.constraint_profiles c
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
WHERE c.workspace_id = $1 AND c.deleted_at IS NULL
ORDER BY c.name
