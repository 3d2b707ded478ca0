SELECT o.report_id, o.run_id, o.command_number, o.ordinal, o.target_count, o.agent_id, o.agent, o.title, o.summary,
       o.status, o.source, o.finding_count, o.critical, o.high, o.medium, o.low, o.info, o.created_at, o.updated_at,
       o.completed_at, o.status_by_login, s.excerpt
FROM kolony.search_reports($1, $2, $3) WITH ORDINALITY AS s (report_id, excerpt, place)
JOIN kolony.report_overview o ON o.workspace_id = $1 AND o.report_id = s.report_id
ORDER BY s.place
