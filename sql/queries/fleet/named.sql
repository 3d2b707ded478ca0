-- As listed, without a filter and in an order by what stands with the agent itself: what its runners tell is read only of
-- the agents in the window. $1 workspace, $2 first place (from 0), $3 place after the last.
WITH many AS MATERIALIZED (
    SELECT count(*) AS passed FROM kolony.agents o WHERE o.workspace_id = $1 AND o.desired <> 'retired'),
passing AS MATERIALIZED (
    SELECT o.agent_id, row_number() OVER (ORDER BY /* order */ o.name, o.agent_id) - 1 AS place
    FROM kolony.agents o WHERE o.workspace_id = $1 AND o.desired <> 'retired' AND /* filter */ true
    ORDER BY /* order */ o.name, o.agent_id LIMIT $3)
SELECT n.passed, p.place, v.*
FROM many n
LEFT JOIN passing p ON p.place >= $2
LEFT JOIN LATERAL (SELECT * FROM kolony.agent_overview w
                   WHERE w.workspace_id = $1 AND w.agent_id = p.agent_id LIMIT 1) v ON true
ORDER BY p.place
