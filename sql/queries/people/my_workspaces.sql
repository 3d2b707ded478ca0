SELECT w.workspace_id, w.slug, w.name, m.role, w.channel, w.heartbeat_seconds, w.lease_seconds,
       kolony.schema_version() AS schema_version
FROM kolony.memberships m
JOIN kolony.workspaces w USING (workspace_id)
WHERE m.profile_id = kolony.my_profile_id()
ORDER BY w.created_at, w.slug
