-- $1 workspace, $2 run
SELECT conversation_id FROM kolony.messages WHERE workspace_id = $1 AND run_id = $2 AND origin = 'person'
