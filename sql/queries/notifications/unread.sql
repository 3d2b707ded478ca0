-- $1 workspace
SELECT count(*) FROM kolony.notifications n
WHERE n.profile_id = (SELECT kolony.my_profile_id()) AND n.workspace_id = $1 AND n.read_at IS NULL AND n.expires_at > now()
