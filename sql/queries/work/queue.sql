-- What is going on and what waits, as the queue shows it: executing first, then in the order in which it will be taken.
SELECT o.* FROM kolony.runs r
JOIN kolony.run_overview o ON o.workspace_id = r.workspace_id AND o.run_id = r.run_id
WHERE r.workspace_id = $1 AND r.outcome IS NULL
ORDER BY (o.status = 'executing') DESC, (o.status = 'dispatching') DESC, o.priority DESC, o.created_at, o.run_id
LIMIT $2
