-- $1 workspace, $2 of this webhook (null: all), $3 in this state (null: all), $4 at most so many; newest first
SELECT d.delivery_id, w.name AS webhook, d.kind, d.title, d.state, d.tries, d.next_try_at, d.last_status, d.last_error,
       d.created_at, d.tried_at, d.ended_at
FROM kolony.webhook_deliveries d
JOIN kolony.webhooks w ON w.workspace_id = d.workspace_id AND w.webhook_id = d.webhook_id
WHERE d.workspace_id = $1 AND ($2::uuid IS NULL OR d.webhook_id = $2) AND ($3::text IS NULL OR d.state = $3)
ORDER BY d.delivery_id DESC LIMIT $4
