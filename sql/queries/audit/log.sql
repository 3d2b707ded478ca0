-- $1 workspace, $2 events or null, $3 login or null, $4 agent's name or null, $5 since or null, $6 before or null (both as
-- text), $7 limit. The newest so many, newest last.
SELECT l.entry_id, l.at, l.event, l.login, host(l.client_address) AS client_address, l.application, w.slug AS workspace,
       a.name AS agent, l.command_id, l.run_id, l.subject, l.details
FROM (
    SELECT * FROM kolony.audit_log o
    WHERE o.workspace_id = $1 AND ($2::text[] IS NULL OR o.event = ANY ($2)) AND ($3::text IS NULL OR o.login = $3)
      AND ($4::text IS NULL OR o.agent_id IN (
          SELECT b.agent_id FROM kolony.agents b WHERE b.workspace_id = $1 AND b.name = $4))
      AND o.at >= coalesce($5::text::timestamptz, '-infinity') AND o.at < coalesce($6::text::timestamptz, 'infinity')
    ORDER BY o.entry_id DESC LIMIT $7) l
JOIN kolony.workspaces w ON w.workspace_id = l.workspace_id
LEFT JOIN kolony.agents a ON a.workspace_id = l.workspace_id AND a.agent_id = l.agent_id
ORDER BY l.entry_id
