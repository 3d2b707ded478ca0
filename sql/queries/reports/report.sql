SELECT o.report_id, o.run_id, o.command_number, o.ordinal, o.target_count, o.agent_id, o.agent, o.title, o.summary,
       o.status, o.source, o.finding_count, o.critical, o.high, o.medium, o.low, o.info, o.created_at, o.updated_at,
       o.completed_at, o.status_by_login, NULL::text AS excerpt,
       p.sections, p.recommendations, p.attachments
FROM kolony.report_overview o
JOIN kolony.reports p ON p.workspace_id = o.workspace_id AND p.report_id = o.report_id
WHERE o.workspace_id = $1 AND o.report_id = $2
