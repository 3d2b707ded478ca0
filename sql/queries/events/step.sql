-- The moment of the next event after one ($3) or of the last before it. $1 workspace, $2 moment.
SELECT CASE WHEN $3::boolean
    THEN (SELECT min(n.at) FROM kolony.events n WHERE n.workspace_id = $1 AND n.at > $2)
    ELSE (SELECT max(b.at) FROM kolony.events b WHERE b.workspace_id = $1 AND b.at < $2) END
