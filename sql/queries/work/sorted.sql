-- The runs that it is about in another order: the first $2 of them, by id. $1 workspace; parameters of what it is about
-- from $3 on
SELECT o.run_id FROM kolony.run_listed o
WHERE o.workspace_id = $1 AND /* about */ true AND /* filter */ true
ORDER BY /* order */ o.run_id DESC
LIMIT $2
