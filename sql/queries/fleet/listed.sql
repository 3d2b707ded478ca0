-- A window of the agents. $1 workspace, $2 first place (from 0), $3 place after the last; the filter's parameters from $4
-- on. The first row says how many pass, and may have no agent.
WITH passing AS MATERIALIZED (
    SELECT o.agent_id, row_number() OVER (ORDER BY /* order */ o.name, o.agent_id) - 1 AS place
    FROM kolony.agent_listed o
    WHERE o.workspace_id = $1 AND o.desired <> 'retired' AND /* filter */ true)
SELECT n.passed, p.place, v.*
FROM (SELECT count(*) AS passed FROM passing) n
LEFT JOIN passing p ON p.place >= $2 AND p.place < $3
LEFT JOIN LATERAL (SELECT * FROM kolony.agent_overview w
                   WHERE w.workspace_id = $1 AND w.agent_id = p.agent_id LIMIT 1) v ON true
ORDER BY p.place
