-- What an agent keeps in mind, by name. $1 workspace, $2 agent, $3 characters of each note
SELECT name, bytes, version, updated_by_login AS updated_by, updated_run AS run, updated_at,
       "left"(content, $3::integer) AS content
FROM kolony.agent_note_overview
WHERE workspace_id = $1 AND agent_id = $2
ORDER BY name
