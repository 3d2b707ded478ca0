SELECT p.login, p.display_name, p.avatar, m.role, m.disabled, g.login AS granted_by, m.granted_at, p.created_at
FROM kolony.memberships m
JOIN kolony.profiles p USING (profile_id)
LEFT JOIN kolony.profiles g ON g.profile_id = m.granted_by
WHERE m.workspace_id = $1
ORDER BY p.login
