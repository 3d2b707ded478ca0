SELECT report_id FROM kolony.reports
WHERE workspace_id = $1 AND (report_id = $2 OR run_id = $2)
ORDER BY report_id = $2 DESC LIMIT 1
