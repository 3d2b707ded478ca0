-- $1 workspace, $2 run or null, $3 words as a tsquery or null, $4 limit
SELECT a.run_id, '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END AS reference,
       g.name AS agent, a.attempt, a.state, a.location, a.object, a.host, a.chunk_count, a.byte_count, a.line_count,
       a.object_bytes, a.sha256, a.words_cut, a.finished_at, a.archived_at, p.login AS archived_by, a.restored_at,
       a.removed_at
FROM kolony.output_archives a
JOIN kolony.runs r ON r.workspace_id = a.workspace_id AND r.run_id = a.run_id
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN kolony.agents g ON g.workspace_id = r.workspace_id AND g.agent_id = r.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = a.archived_by
WHERE a.workspace_id = $1 AND ($2::uuid IS NULL OR a.run_id = $2)
  AND ($3::text IS NULL OR a.words @@ $3::tsquery)
  AND ($2::uuid IS NOT NULL OR a.state IN ('archived', 'restored'))
ORDER BY a.finished_at DESC, a.run_id, a.attempt DESC
LIMIT $4
