-- An agent's variables, by name; of secret ones the value is null. $1 workspace, $2 agent
SELECT name, value, secret, length, description, updated_by_login AS updated_by, updated_at
FROM kolony.agent_variable_overview
WHERE workspace_id = $1 AND agent_id = $2
ORDER BY name
