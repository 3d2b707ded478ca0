-- Names that go on from what is typed, for completion. $1 workspace, $2 beginning, $3 limit
SELECT name FROM kolony.agents
WHERE workspace_id = $1 AND desired <> 'retired' AND starts_with(name, $2)
ORDER BY name
LIMIT $3
