-- $1 workspace, $2 id or null, $3 number or null
SELECT c.conversation_id, c.number, c.title, c.agent_id, c.agent, a.status AS agent_status, c.opened_by_login,
       c.created_at, c.messages, c.unread, c.last_message_at, c.last_origin, c.last_words, c.open_run_id, c.open_runs,
       c.archived_at
FROM kolony.conversation_overview c
JOIN kolony.agent_overview a ON a.workspace_id = c.workspace_id AND a.agent_id = c.agent_id
WHERE c.workspace_id = $1 AND (c.conversation_id = $2::uuid OR c.number = $3::bigint)
