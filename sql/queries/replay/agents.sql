-- fleet/listed for a moment of the past: there an agent's whole row comes with the list, since no index leads to one alone.
WITH passing AS MATERIALIZED (
    SELECT o.*, row_number() OVER (ORDER BY /* order */ o.name, o.agent_id) - 1 AS place
    FROM kolony.agent_overview o
    WHERE o.workspace_id = $1 AND o.desired <> 'retired' AND /* filter */ true)
SELECT n.passed, p.*
FROM (SELECT count(*) AS passed FROM passing) n
LEFT JOIN passing p ON p.place >= $2 AND p.place < $3
ORDER BY p.place
