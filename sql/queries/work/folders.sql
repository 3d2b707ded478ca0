-- $1 workspace: the newest run of each worktree that is still there
SELECT f.path, f.host, f.repository, f.isolation, f.base_commit, f.base_dirty,
       CASE WHEN f.state = 'in use' AND r.finished_at IS NOT NULL THEN 'kept' ELSE f.state END AS state, f.dirty_files,
       f.new_commits, f.size_bytes, f.made_at, f.seen_at, f.run_id, '#' || r.command_number AS run, f.agent, f.conversation
FROM (SELECT DISTINCT ON (w.host, w.path) w.*, a.name AS agent, c.number AS conversation FROM kolony.work_folders w
      JOIN kolony.agents a ON a.workspace_id = w.workspace_id AND a.agent_id = w.agent_id
      LEFT JOIN kolony.conversations c ON c.workspace_id = w.workspace_id AND c.conversation_id = w.conversation_id
      WHERE w.workspace_id = $1 AND w.state <> 'removed' AND w.isolation <> 'none'
      ORDER BY w.host, w.path, w.seen_at DESC) f
JOIN kolony.run_overview r ON r.workspace_id = f.workspace_id AND r.run_id = f.run_id
ORDER BY f.seen_at DESC
