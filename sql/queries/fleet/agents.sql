SELECT * FROM kolony.agent_overview
WHERE workspace_id = $1 AND ($2::boolean OR desired <> 'retired')
ORDER BY name
