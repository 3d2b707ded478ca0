SELECT place, severity, title, detail, evidence, file, line FROM kolony.report_findings
WHERE workspace_id = $1 AND report_id = $2
ORDER BY array_position('{critical,high,medium,low,info}', severity), place
