-- $1 workspace, $2 stop or null for all that are open
SELECT stop_id, agent_id, agent, state, running, host, since, heard_at
FROM kolony.stop_acknowledgements
WHERE workspace_id = $1 AND ($2::uuid IS NULL OR stop_id = $2)
ORDER BY stop_id, array_position(ARRAY['not confirmed', 'asked', 'ending', 'ended', 'not connected'], state), agent
