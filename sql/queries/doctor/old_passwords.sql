SELECT a.rolname::text FROM pg_authid a
WHERE a.rolcanlogin AND a.rolpassword NOT LIKE 'SCRAM-SHA-256$%'
  AND (pg_has_role(a.oid, 'kolony_user', 'MEMBER') OR pg_has_role(a.oid, 'kolony_agents', 'MEMBER'))
ORDER BY a.rolname
