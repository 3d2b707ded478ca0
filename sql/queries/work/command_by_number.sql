SELECT command_id FROM kolony.commands WHERE workspace_id = $1 AND number = $2
