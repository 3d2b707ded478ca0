SELECT artifact_id AS id, name, kind, media_type, size, sha256, attempt, kept, why_not, created_at
FROM kolony.artifact_overview
WHERE workspace_id = $1 AND run_id = $2
ORDER BY attempt DESC, kind = 'patch' DESC, kind = 'file' DESC, name
