-- What the agent of a run is told, in that order. $1 workspace, $2 run
SELECT t.part, t.words
FROM kolony.runs r CROSS JOIN LATERAL kolony.told(r.run_id) t
WHERE r.workspace_id = $1 AND r.run_id = $2
