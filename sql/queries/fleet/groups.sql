-- How many agents of each group pass. $1 workspace; the filter's parameters from $2 on
SELECT coalesce(/* group */ NULL, '') AS name, count(*) AS members FROM kolony.agent_listed o
WHERE o.workspace_id = $1 AND o.desired <> 'retired' AND /* filter */ true
GROUP BY 1
ORDER BY 1
