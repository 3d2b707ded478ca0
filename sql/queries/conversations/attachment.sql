-- $1 workspace, $2 attachment
SELECT name, data FROM kolony.message_attachments WHERE workspace_id = $1 AND attachment_id = $2
