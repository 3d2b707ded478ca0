-- $1 workspace, $2 conversation, $3 so many of the last, $4 at most so many characters of each
SELECT m.message_id, m.number, m.origin,
       CASE m.origin WHEN 'person' THEN coalesce(p.login::text, '-') WHEN 'agent' THEN coalesce(a.name, '-') ELSE '' END
           AS author,
       "left"(m.content, $4) AS content, octet_length(m.content) AS content_bytes, m.cut, m.created_at, m.run_id,
       '#' || r.command_number AS run, r.status AS run_status, m.unanswered, f.attachment_ids, f.attachment_names,
       f.attachment_bytes
FROM (SELECT * FROM kolony.messages n WHERE n.workspace_id = $1 AND n.conversation_id = $2
      ORDER BY n.number DESC LIMIT $3) m
LEFT JOIN kolony.profiles p ON p.profile_id = m.author_id
LEFT JOIN kolony.run_overview r ON r.workspace_id = m.workspace_id AND r.run_id = m.run_id
LEFT JOIN kolony.agents a ON a.workspace_id = m.workspace_id AND a.agent_id = r.agent_id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(t.attachment_id ORDER BY t.name), '{}') AS attachment_ids,
           coalesce(array_agg(t.name ORDER BY t.name), '{}') AS attachment_names,
           coalesce(array_agg(t.bytes ORDER BY t.name), '{}') AS attachment_bytes
    FROM kolony.message_attachments t WHERE t.workspace_id = m.workspace_id AND t.message_id = m.message_id) f
ORDER BY m.number
