SELECT preset_id, name, description, owner_login, mine, shared, version, content, kind, priority, target_words,
       constraint_id, constraint_name, variables, used_count, last_used_at, created_at, changed_at, changed_by_login
FROM kolony.preset_overview
WHERE workspace_id = $1
ORDER BY used_count DESC, last_used_at DESC NULLS LAST, name, owner_login
