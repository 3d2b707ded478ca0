-- $1 workspace, $2 agent or null for all
SELECT t.token_hint AS hint, t.token_active AS active, t.*
FROM kolony.list_tokens($1) t
WHERE $2::uuid IS NULL OR t.agent_id = $2
