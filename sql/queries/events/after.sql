-- Events after a place, in the order in which none is missed: no transaction that began before what is read here can
-- still add one in front of it. $1 workspace, $2 xid and $3 event at that place, $4 no older than, $5 limit; the filter's
-- parameters from $6 on.
SELECT e.event_id, e.xid::text::bigint AS xid, e.at, e.kind, e.agent_id, a.name AS agent, e.command_id,
       c.number AS command_number, r.ordinal, cardinality(c.targets) AS target_count, e.run_id, c.title, p.login, e.facts
FROM (SELECT * FROM kolony.events o
      WHERE o.workspace_id = $1 AND (o.xid, o.event_id) > ($2::bigint::text::xid8, $3::bigint)
        AND o.xid < pg_snapshot_xmin(pg_current_snapshot()) AND o.at > $4 AND /* filter */ true
      ORDER BY o.xid, o.event_id LIMIT $5) e
LEFT JOIN kolony.agents a ON a.workspace_id = e.workspace_id AND a.agent_id = e.agent_id
LEFT JOIN kolony.commands c ON c.workspace_id = e.workspace_id AND c.command_id = e.command_id
LEFT JOIN kolony.runs r ON r.workspace_id = e.workspace_id AND r.run_id = e.run_id
LEFT JOIN kolony.profiles p ON p.profile_id = e.profile_id
ORDER BY e.xid, e.event_id
