-- Commands that nobody has sent yet, newest first, with the names of their targets. $1 workspace, $2 limit
SELECT c.command_id, c.number, c.title, c.priority, p.login AS created_by_login, c.created_at,
       (SELECT string_agg(a.name, ', ' ORDER BY t.place) FROM unnest(c.targets) WITH ORDINALITY AS t (agent_id, place)
        JOIN kolony.agents a ON a.workspace_id = c.workspace_id AND a.agent_id = t.agent_id) AS agents
FROM kolony.commands c
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
WHERE c.workspace_id = $1 AND c.submitted_at IS NULL AND c.outcome IS NULL
ORDER BY c.command_id DESC
LIMIT $2
