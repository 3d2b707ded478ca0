-- $1 workspace, $2 approval
SELECT coalesce(command, detail) FROM kolony.approvals WHERE workspace_id = $1 AND approval_id = $2
