-- What decides whether Kolony may make logins here: the role administrator as it is (null: not there yet), and whom
-- CREATEROLE would reach on version 15.
SELECT current_setting('server_version_num')::int / 10000 AS major,
       (SELECT a.rolcreaterole FROM pg_roles a WHERE a.rolname = 'kolony_roleadm') AS makes_logins,
       array(SELECT r.rolname::text FROM pg_roles r
             WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user
               AND NOT EXISTS (SELECT FROM pg_auth_members m
                               WHERE m.member = r.oid AND m.roleid IN (to_regrole('kolony_user'), to_regrole('kolony_agents')))
             ORDER BY 1) AS other_logins,
       array(SELECT d.datname::text FROM pg_database d
             WHERE d.datname NOT IN (current_database(), 'postgres', 'template0', 'template1') ORDER BY 1) AS other_databases
