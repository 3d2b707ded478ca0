SELECT (SELECT r.rolcreaterole FROM pg_roles r WHERE r.rolname = 'kolony_roleadm') AS makes_logins,
       (SELECT r.rolname FROM pg_roles r JOIN pg_database d ON d.datdba = r.oid
        WHERE d.datname = current_database() AND r.rolsuper) AS superuser_owner,
       (SELECT coalesce(array_agg(r.rolname::text ORDER BY r.rolname), '{}') FROM pg_roles r
        WHERE r.rolcanlogin AND r.rolbypassrls AND NOT r.rolsuper) AS above_row_security,
       (SELECT coalesce(array_agg(d.datname::text ORDER BY d.datname), '{}') FROM pg_database d
        WHERE d.datallowconn AND d.datname <> current_database() AND EXISTS (
            SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
            WHERE a.grantee = 0 AND a.privilege_type = 'CONNECT')) AS open_databases,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'kolony_agent' AND r.rolcanlogin) AS shared_agent_login
