-- What in the live catalog would let somebody in, a finding a row: (rule, subject). The rules and what to do about each
-- stand in kolony_tui/server/lint.py.
WITH relation AS (
    SELECT c.*, 'kolony.' || c.relname AS subject FROM pg_class c
    WHERE c.relnamespace = to_regnamespace('kolony') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')),
routine AS (
    SELECT p.*, format('kolony.%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS subject FROM pg_proc p
    WHERE p.pronamespace = to_regnamespace('kolony')),
ours (rolname, kind) AS (
    VALUES ('kolony_owner', 'inner'), ('kolony_api', 'inner'), ('kolony_roleadm', 'inner'), ('kolony_backup', 'backup'),
           ('kolony_user', 'client'), ('kolony_agents', 'client')),
principal AS (
    SELECT 0::oid AS oid, 'PUBLIC' AS rolname, 'public' AS kind
    UNION ALL
    SELECT r.oid, r.rolname::text, coalesce(o.kind, 'stranger') FROM pg_roles r LEFT JOIN ours o ON o.rolname = r.rolname),
installer AS (
    SELECT d.datdba AS oid FROM pg_database d WHERE d.datname = current_database()),
member AS (
    SELECT m.member AS oid, who.rolname, who.rolsuper, who.rolbypassrls, who.rolcreaterole, inside.rolname AS inside
    FROM pg_auth_members m JOIN pg_roles who ON who.oid = m.member JOIN pg_roles inside ON inside.oid = m.roleid
    WHERE m.member NOT IN (SELECT i.oid FROM installer i) AND inside.rolname IN (SELECT o.rolname FROM ours o)),
on_relation AS (
    SELECT r.relname, r.subject, r.relispartition, a.privilege_type, p.rolname, p.kind
    FROM relation r, aclexplode(r.relacl) a, principal p WHERE p.oid = a.grantee AND a.grantee <> r.relowner),
on_column AS (
    SELECT r.relname, format('%s (%s)', r.subject, t.attname) AS subject, a.privilege_type, p.rolname, p.kind
    FROM relation r JOIN pg_attribute t ON t.attrelid = r.oid, aclexplode(t.attacl) a, principal p
    WHERE p.oid = a.grantee AND a.grantee <> r.relowner),
on_function AS (
    SELECT r.subject, a.privilege_type, p.rolname, p.kind
    FROM routine r, aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) a, principal p
    WHERE p.oid = a.grantee AND a.grantee <> r.proowner),
policy AS (
    SELECT p.*, r.relname, format('%s on %s', p.polname, r.subject) AS subject,
           -- Without its sub-selects, which run once a query.
           regexp_replace(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
                          '\( SELECT [^()]*(\([^()]*\)[^()]*)*\)', '', 'g') AS by_row
    FROM pg_policy p JOIN relation r ON r.oid = p.polrelid),
finding (rule, subject) AS (
    SELECT 'row security is not forced', r.subject FROM relation r
    WHERE r.relkind IN ('r', 'p') AND NOT (r.relrowsecurity AND r.relforcerowsecurity)
    UNION ALL
    SELECT 'row security cannot hold', r.subject FROM relation r WHERE r.relkind IN ('m', 'f')
    UNION ALL
    SELECT 'a view reads as its owner', r.subject FROM relation r
    WHERE r.relkind = 'v' AND NOT coalesce(r.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
    UNION ALL
    SELECT 'a policy names a group', p.subject FROM policy p
    WHERE EXISTS (SELECT FROM principal q WHERE q.oid = ANY (p.polroles)
                  AND (q.kind IN ('client', 'stranger') OR q.rolname = 'kolony_roleadm'))
    UNION ALL
    SELECT 'a policy lets everybody in', p.subject FROM policy p
    WHERE p.polpermissive AND p.polroles = '{0}' AND p.relname <> 'migrations'
      AND 'true' IN (pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    UNION ALL
    SELECT 'a policy calls a function for each row', p.subject FROM policy p WHERE p.by_row LIKE '%kolony.%(%'
    UNION ALL
    SELECT 'a client may write a whole table', format('%s: %s for %s', g.subject, g.privilege_type, g.rolname)
    FROM on_relation g WHERE g.kind IN ('client', 'public') AND g.privilege_type <> 'SELECT'
    UNION ALL
    SELECT 'a client may refer to a table', format('%s: %s', g.subject, g.rolname) FROM on_column g
    WHERE g.kind IN ('client', 'public') AND g.privilege_type = 'REFERENCES'
    UNION ALL
    SELECT 'a grant to a stranger', format('%s: %s for %s', g.subject, g.privilege_type, g.rolname)
    FROM (SELECT subject, privilege_type, rolname, kind FROM on_relation
          UNION ALL SELECT subject, privilege_type, rolname, kind FROM on_column
          UNION ALL SELECT * FROM on_function) g
    WHERE g.kind = 'stranger'
    UNION ALL
    SELECT 'an agent may read a table', g.subject FROM on_relation g
    WHERE g.rolname IN ('kolony_agents', 'PUBLIC') AND g.privilege_type = 'SELECT'
    UNION ALL
    SELECT 'the backup role may do more than read', format('%s: %s', g.subject, g.privilege_type) FROM on_relation g
    WHERE g.kind = 'backup' AND g.privilege_type <> 'SELECT'
    UNION ALL
    SELECT 'secrets can be read', format('%s by %s', g.subject, g.rolname)
    FROM (SELECT relname, subject, rolname, kind FROM on_relation
          UNION ALL SELECT relname, subject, rolname, kind FROM on_column) g
    WHERE g.relname = 'agent_tokens' AND g.kind NOT IN ('inner', 'backup')
    UNION ALL
    SELECT 'a partition can be reached directly', format('%s by %s', g.subject, g.rolname) FROM on_relation g
    WHERE g.relispartition AND g.kind <> 'backup'
    UNION ALL
    SELECT 'everybody may execute a function', g.subject FROM on_function g WHERE g.kind = 'public'
    UNION ALL
    SELECT 'a function looks names up where its caller says', r.subject FROM routine r
    WHERE r.prosqlbody IS NULL AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (r.proconfig), false)
    UNION ALL
    SELECT 'the wrong owner', format('%s: %s', x.subject, x.owner::regrole)
    FROM (SELECT subject, relowner AS owner, ARRAY['kolony_owner'] AS proper FROM relation
          UNION ALL SELECT subject, proowner, ARRAY['kolony_owner', 'kolony_api', 'kolony_roleadm'] FROM routine
          UNION ALL SELECT 'the schema kolony', nspowner, ARRAY['kolony_owner'] FROM pg_namespace WHERE nspname = 'kolony') x
    WHERE NOT (SELECT o.rolname::text FROM pg_roles o WHERE o.oid = x.owner) = ANY (x.proper)
    UNION ALL
    SELECT 'the schemas are open', format('%s on %s for %s', a.privilege_type, n.nspname, p.rolname)
    FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a, principal p
    WHERE n.nspname IN ('kolony', 'public') AND p.oid = a.grantee AND a.grantee <> n.nspowner
      AND (p.kind IN ('public', 'stranger') OR p.kind IN ('client', 'backup') AND a.privilege_type = 'CREATE')
    UNION ALL
    SELECT 'the database is open', format('%s for %s', a.privilege_type, p.rolname)
    FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a, principal p
    WHERE d.datname = current_database() AND p.oid = a.grantee
      AND (p.kind = 'public' OR p.kind = 'client' AND a.privilege_type <> 'CONNECT')
    UNION ALL
    SELECT 'new functions would be open to everybody', o.rolname FROM ours o
    WHERE o.kind = 'inner' AND NOT EXISTS (
        SELECT FROM pg_default_acl d
        WHERE d.defaclrole = to_regrole(o.rolname)::oid AND d.defaclobjtype = 'f' AND d.defaclnamespace = 0
          AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) a WHERE a.grantee = 0))
    UNION ALL
    SELECT 'somebody may become what only the installer may', format('%s as %s', m.rolname, m.inside)
    FROM member m JOIN ours o ON o.rolname = m.inside AND o.kind IN ('inner', 'backup') WHERE NOT m.rolsuper
    UNION ALL
    SELECT 'a role of Kolony can do too much', r.rolname FROM pg_roles r JOIN ours o ON o.rolname = r.rolname
    WHERE r.rolcanlogin OR r.rolsuper OR r.rolbypassrls OR r.rolcreatedb OR r.rolreplication
       OR r.rolcreaterole AND r.rolname <> 'kolony_roleadm'
    UNION ALL
    SELECT 'a person or an agent stands above the rules', format('%s in %s', m.rolname, m.inside)
    FROM member m JOIN ours o ON o.rolname = m.inside AND o.kind = 'client'
    WHERE m.rolname <> 'kolony_roleadm' AND (m.rolsuper OR m.rolbypassrls OR m.rolcreaterole)
    UNION ALL
    SELECT 'a login is person and agent at once', m.rolname FROM member m
    WHERE m.inside IN ('kolony_user', 'kolony_agents') AND m.rolname <> 'kolony_roleadm'
    GROUP BY m.rolname HAVING count(DISTINCT m.inside) = 2
    UNION ALL
    SELECT 'a trigger is switched off', format('%s on %s', t.tgname, r.subject)
    FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE t.tgenabled <> 'O'
    UNION ALL
    SELECT 'a statement is rewritten', format('%s on %s', w.rulename, r.subject)
    FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'a foreign key has no index', format('%s of %s', c.conname, r.subject)
    FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
    WHERE c.contype = 'f' AND NOT EXISTS (
        SELECT FROM pg_index i
        -- All of the key's columns lead the index, in any order.
        WHERE i.indrelid = c.conrelid AND i.indisvalid
          AND c.conkey <@ (i.indkey::smallint[])[0:cardinality(c.conkey) - 1]))
SELECT rule, subject FROM finding ORDER BY rule COLLATE "C", subject COLLATE "C"
