-- $1 job or null, $2 limit
SELECT h.job, h.began, h.ended, h.result FROM kolony.upkeep_history h
WHERE $1::text IS NULL OR h.job = $1 ORDER BY h.began DESC LIMIT $2
