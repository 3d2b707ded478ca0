SELECT audit_days FROM kolony.workspaces WHERE workspace_id = $1
