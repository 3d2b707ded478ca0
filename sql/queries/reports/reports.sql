SELECT o.report_id, o.run_id, o.command_number, o.ordinal, o.target_count, o.agent_id, o.agent, o.title, o.summary,
       o.status, o.source, o.finding_count, o.critical, o.high, o.medium, o.low, o.info, o.created_at, o.updated_at,
       o.completed_at, o.status_by_login, NULL::text AS excerpt
FROM kolony.report_overview o
WHERE o.workspace_id = $1
ORDER BY o.report_id DESC LIMIT $2
