-- $1 workspace, $2 run
SELECT f.path, f.host, f.repository, f.isolation, f.base_commit, f.base_dirty,
       CASE WHEN f.state = 'in use' AND r.finished_at IS NOT NULL THEN 'kept' ELSE f.state END AS state, f.dirty_files,
       f.new_commits, f.size_bytes, f.made_at, f.seen_at, f.run_id, '#' || r.command_number AS run, a.name AS agent,
       c.number AS conversation
FROM kolony.work_folders f
JOIN kolony.run_overview r ON r.workspace_id = f.workspace_id AND r.run_id = f.run_id
JOIN kolony.agents a ON a.workspace_id = f.workspace_id AND a.agent_id = f.agent_id
LEFT JOIN kolony.conversations c ON c.workspace_id = f.workspace_id AND c.conversation_id = f.conversation_id
WHERE f.workspace_id = $1 AND f.run_id = $2
