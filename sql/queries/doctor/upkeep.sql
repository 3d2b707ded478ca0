-- $1 seconds of grace beyond a job's own time.
SELECT u.job, u.last_result ->> 'error' AS error, u.last_ended,
       coalesce(u.last_began, (SELECT max(m.applied_at) FROM kolony.migrations m)) + u.every + make_interval(secs => $1)
           < clock_timestamp() AS late
FROM kolony.upkeep u ORDER BY u.every, u.job
