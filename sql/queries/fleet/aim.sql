-- The agents that a target means, by name. $1 workspace; the filter's parameters from $2 on
SELECT agent_id, name FROM kolony.agent_listed
WHERE workspace_id = $1 AND desired <> 'retired' AND /* filter */ true
ORDER BY name
