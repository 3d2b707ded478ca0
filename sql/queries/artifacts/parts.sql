SELECT part, data FROM kolony.artifact_parts
WHERE workspace_id = $1 AND artifact_id = $2 AND part > $3
ORDER BY part LIMIT $4
