-- $1 login: what its sessions begin with, by whoever set it.
SELECT split_part(s.setting, '=', 1) AS name, s.setting,
       concat_ws(' in ', coalesce(r.rolname, 'every login'), d.datname) AS of_whom
FROM (SELECT p.setrole, p.setdatabase, unnest(p.setconfig) AS setting FROM pg_db_role_setting p) s
LEFT JOIN pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE (s.setrole = 0 OR r.rolname = $1) AND (s.setdatabase = 0 OR d.datname = current_database())
ORDER BY 3, 1
