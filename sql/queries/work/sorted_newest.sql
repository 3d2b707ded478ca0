-- The $2 newest runs that it is about, in another order: the first $3 of them, by id. $1 workspace; parameters of what it
-- is about from $4 on
SELECT o.run_id
FROM (SELECT o.* FROM kolony.run_listed o
      WHERE o.workspace_id = $1 AND /* about */ true AND /* filter */ true ORDER BY o.run_id DESC LIMIT $2) o
ORDER BY /* order */ o.run_id DESC
LIMIT $3
