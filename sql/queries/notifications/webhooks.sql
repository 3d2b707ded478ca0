-- $1 workspace
SELECT w.webhook_id, w.name, w.url, w.kinds, w.at_least, p.login AS created_by, w.created_at,
       d.pending, d.failed, d.last_delivered_at
FROM kolony.webhooks w
LEFT JOIN kolony.profiles p ON p.profile_id = w.created_by
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE e.state = 'pending') AS pending, count(*) FILTER (WHERE e.state = 'failed') AS failed,
           max(e.ended_at) FILTER (WHERE e.state = 'delivered') AS last_delivered_at
    FROM kolony.webhook_deliveries e WHERE e.workspace_id = w.workspace_id AND e.webhook_id = w.webhook_id) d
WHERE w.workspace_id = $1 AND w.deleted_at IS NULL
ORDER BY w.name
