-- The views that I may use, mine first. $1 workspace, $2 list or null
SELECT v.view_id, v.list, v.name, v.shared, v.definition, p.login AS owner_login,
       v.profile_id = kolony.my_profile_id() AS mine, v.updated_at
FROM kolony.saved_views v
LEFT JOIN kolony.profiles p ON p.profile_id = v.profile_id
WHERE v.workspace_id = $1 AND v.deleted_at IS NULL AND ($2::text IS NULL OR v.list = $2)
ORDER BY v.list, (v.profile_id = kolony.my_profile_id()) DESC, v.name
