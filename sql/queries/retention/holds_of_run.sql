-- What holds a run, directly or with more. $1 workspace, $2 run
SELECT h.hold_id, h.scope, h.subject_id, h.subject, h.reason, h.placed_by, h.placed_at, h.lifted_by, h.lifted_at
FROM kolony.hold_overview h JOIN kolony.runs r ON r.workspace_id = h.workspace_id AND r.run_id = $2
WHERE h.workspace_id = $1 AND h.lifted_at IS NULL
  AND (h.scope = 'workspace' OR h.subject_id IN (r.run_id, r.command_id, r.agent_id))
ORDER BY h.placed_at
