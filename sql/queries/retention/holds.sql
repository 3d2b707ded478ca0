-- $1 workspace, $2 also lifted ones
SELECT h.hold_id, h.scope, h.subject_id, h.subject, h.reason, h.placed_by, h.placed_at, h.lifted_by, h.lifted_at
FROM kolony.hold_overview h
WHERE h.workspace_id = $1 AND ($2::boolean OR h.lifted_at IS NULL)
ORDER BY h.placed_at DESC, h.hold_id
