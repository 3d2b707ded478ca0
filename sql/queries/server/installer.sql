SELECT r.rolname AS name, r.rolsuper OR r.rolcreaterole AS makes_roles, pg_has_role(d.datdba, 'USAGE') AS owns,
       -- What --roles prints gives. Version 15 does not know the privilege SET.
       (SELECT coalesce(bool_and(CASE WHEN to_regrole(o) IS NULL THEN false
            ELSE pg_has_role(r.oid, to_regrole(o)::oid, CASE WHEN n.newer THEN 'SET' ELSE 'MEMBER' END) END), false)
        FROM unnest(ARRAY['kolony_owner', 'kolony_api', 'kolony_roleadm', 'kolony_backup']) o)
       AND pg_has_role(r.oid, coalesce(to_regrole('kolony_user'), r.oid::regrole)::oid, 'USAGE')
       AND to_regrole('kolony_user') IS NOT NULL AND to_regrole('kolony_agents') IS NOT NULL AS has_roles
FROM pg_roles r
JOIN pg_database d ON d.datname = current_database()
CROSS JOIN (SELECT current_setting('server_version_num')::int >= 160000 AS newer) n
WHERE r.rolname = current_user
