-- $1 workspace, $2 only unread ones, $3 at most so many; newest first
SELECT n.notification_id, n.kind, n.priority, n.title, n.message, n.data, n.channels, n.quiet, n.count, n.created_at,
       n.last_at, n.read_at, n.expires_at
FROM kolony.notifications n
WHERE n.profile_id = (SELECT kolony.my_profile_id()) AND n.workspace_id = $1
  AND ($2::boolean IS NOT TRUE OR n.read_at IS NULL) AND n.expires_at > now()
ORDER BY n.last_at DESC, n.notification_id DESC LIMIT $3
