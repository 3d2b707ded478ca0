SELECT v.version, v.description, v.content, v.kind, v.priority, v.target_words, v.constraint_id,
       c.name AS constraint_name, v.variables, v.changed_at, p.login AS changed_by_login
FROM kolony.preset_versions v
LEFT JOIN kolony.constraint_profiles c ON c.workspace_id = v.workspace_id AND c.constraint_id = v.constraint_id
LEFT JOIN kolony.profiles p ON p.profile_id = v.changed_by
WHERE v.workspace_id = $1 AND v.preset_id = $2
ORDER BY v.version DESC
