-- The newest so many events of a time, oldest first. $1 workspace, $2 since, $3 before then, $4 limit; the filter's
-- parameters from $5 on.
SELECT e.event_id, e.xid::text::bigint AS xid, e.at, e.kind, e.agent_id, a.name AS agent, e.command_id,
       c.number AS command_number, r.ordinal, cardinality(c.targets) AS target_count, e.run_id, c.title, p.login, e.facts
FROM (SELECT * FROM kolony.events o
      WHERE o.workspace_id = $1 AND o.at >= $2 AND o.at < $3 AND /* filter */ true
      ORDER BY o.at DESC, o.event_id DESC LIMIT $4) e
LEFT JOIN kolony.agents a ON a.workspace_id = e.workspace_id AND a.agent_id = e.agent_id
LEFT JOIN kolony.commands c ON c.workspace_id = e.workspace_id AND c.command_id = e.command_id
LEFT JOIN kolony.runs r ON r.workspace_id = e.workspace_id AND r.run_id = e.run_id
LEFT JOIN kolony.profiles p ON p.profile_id = e.profile_id
ORDER BY e.at, e.event_id
