SELECT o.kind, o.title, o.about, o.days, o.standard, o.least, o.most, o.forever, o.set_by, o.set_at
FROM kolony.retention_overview o WHERE o.workspace_id = $1 ORDER BY o.place
