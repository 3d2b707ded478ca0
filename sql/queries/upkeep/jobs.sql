SELECT u.job, u.last_began IS NULL OR u.last_began + u.every <= clock_timestamp() AS due,
       coalesce(u.last_result, '{}') AS last_result
FROM kolony.upkeep u ORDER BY u.every, u.job
