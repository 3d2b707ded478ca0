SELECT DISTINCT ON (a.name) a.name, a.artifact_id
FROM kolony.artifact_overview a
WHERE a.workspace_id = $1 AND a.run_id = $2 AND a.name = ANY ($3)
ORDER BY a.name, a.attempt DESC, a.kind = 'file' DESC
