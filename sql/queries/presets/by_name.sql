SELECT preset_id, name, description, owner_login, mine, shared, version, content, kind, priority, target_words,
       constraint_id, constraint_name, variables, used_count, last_used_at, created_at, changed_at, changed_by_login
FROM kolony.preset_overview
WHERE workspace_id = $1 AND (name = $2 OR preset_id::text = lower($2))
ORDER BY mine DESC, shared DESC, owner_login
LIMIT 1
