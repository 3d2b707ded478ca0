-- Sessions that stand in others' way; those whose state this login may not see come as one row without a login.
SELECT a.usename::text AS login, a.pid, a.application_name AS application,
       CASE WHEN a.wait_event = 'ClientWrite' THEN 'does not read what it is sent' ELSE a.state END AS what,
       extract(epoch FROM clock_timestamp() - a.state_change)::integer AS seconds,
       EXISTS (SELECT FROM pg_auth_members m
               WHERE m.roleid = a.usesysid AND m.member = to_regrole('kolony_roleadm')::oid) AS ours,
       0 AS hidden
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND (a.state LIKE 'idle in transaction%' OR a.wait_event = 'ClientWrite')
  AND a.state_change < clock_timestamp() - kolony.watchdog_patience()
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, count(*)::integer FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.query = '<insufficient privilege>'
HAVING count(*) > 0
ORDER BY 2
