-- $1 workspace, $2 also those put away, $3 agent or null, $4 limit
SELECT '~' || c.number AS reference, c.conversation_id, c.number, c.title, c.agent_id, c.agent, a.status AS agent_status,
       c.opened_by_login, c.created_at, c.messages, c.unread, c.last_message_at, c.last_origin, c.last_words,
       c.open_run_id, c.open_runs, c.archived_at
FROM (SELECT o.* FROM kolony.conversation_overview o
      WHERE o.workspace_id = $1 AND ($2::boolean OR o.archived_at IS NULL) AND ($3::uuid IS NULL OR o.agent_id = $3)
      ORDER BY o.last_message_at DESC LIMIT $4) c
JOIN kolony.agent_overview a ON a.workspace_id = c.workspace_id AND a.agent_id = c.agent_id
ORDER BY c.last_message_at DESC
