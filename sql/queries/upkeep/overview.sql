-- $1 workspace
SELECT u.job, u.last_began IS NULL OR u.last_began + u.every <= clock_timestamp() AS due, false AS running, u.last_began,
       u.last_ended, coalesce(u.last_result, '{}') AS result, u.done_before AS done, 0::bigint AS total,
       NULL::text AS by, NULL::text AS host
FROM kolony.upkeep u
UNION ALL
SELECT 'archive', j.last_began IS NULL OR j.last_began + interval '1 hour' <= clock_timestamp(),
       j.last_ended IS NULL AND j.last_seen > clock_timestamp() - interval '5 minutes', j.last_began, j.last_ended,
       coalesce(j.last_result, '{}'), coalesce(j.done, 0), coalesce(j.total, 0), p.login, j.host
FROM kolony.keeping k
LEFT JOIN kolony.workspace_jobs j ON j.workspace_id = k.workspace_id AND j.job = 'archive'
LEFT JOIN kolony.profiles p ON p.profile_id = j.by_profile
WHERE k.workspace_id = $1 AND (k.location IS NOT NULL OR j.job IS NOT NULL)
ORDER BY job
