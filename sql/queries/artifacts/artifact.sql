SELECT artifact_id, run_id, attempt, name, kind, media_type, size, sha256, content_id, kept, why_not, created_at
FROM kolony.artifact_overview
WHERE workspace_id = $1 AND artifact_id = $2
