-- The logins of people: made, let in, shut and ended by the role administrator; who is connected; who may do what.

SET LOCAL ROLE kolony_api;

-- The logins of a workspace's members, by the oids of their roles.
CREATE FUNCTION kolony.member_logins(in_workspace uuid) RETURNS oid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN array(SELECT p.role_oid FROM kolony.memberships m JOIN kolony.profiles p USING (profile_id)
                 WHERE m.workspace_id = in_workspace);
END
$$;

CREATE FUNCTION kolony.login_was_made_here(who text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM kolony.profiles p
                   WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid AND p.login_made)
$$;

GRANT EXECUTE ON FUNCTION kolony.member_logins(uuid), kolony.login_was_made_here(text) TO kolony_roleadm;

-- What the session may do in a workspace and which rule says so: the functions that people may call, by the comment on
-- each ("role: action"), and the policies that let them read and write rows.
CREATE FUNCTION kolony.my_rights(in_workspace uuid)
RETURNS TABLE (action text, needs text, allowed boolean, rule text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH described AS (
        SELECT obj_description(f.oid, 'pg_proc') AS words, f.oid::regprocedure::text AS rule
        FROM pg_proc f
        WHERE f.pronamespace = 'kolony'::regnamespace AND has_function_privilege('kolony_user', f.oid, 'EXECUTE')
        UNION ALL
        SELECT coalesce(obj_description(o.oid, 'pg_policy'), 'viewer: see ' || replace(c.relname, '_', ' ')),
               format('policy %I on %s', o.polname, o.polrelid::regclass)
        FROM pg_policy o JOIN pg_class c ON c.oid = o.polrelid
        WHERE c.relnamespace = 'kolony'::regnamespace AND o.polroles = '{0}' AND o.polpermissive),
    parsed AS (
        SELECT regexp_match(d.words, '^(anyone|member|viewer|operator|admin)( anywhere)?: (.+)$') AS part, d.rule
        FROM described d)
    SELECT p.part[3], p.part[1],
           CASE WHEN p.part[1] = 'anyone' THEN true
                WHEN p.part[2] IS NOT NULL THEN EXISTS (
                    SELECT FROM unnest(kolony.my_workspace_ids()) mine WHERE kolony.holds_role(mine, p.part[1]))
                ELSE kolony.holds_role(in_workspace, CASE p.part[1] WHEN 'member' THEN 'viewer' ELSE p.part[1] END) END,
           p.rule
    FROM parsed p WHERE p.part IS NOT NULL
    ORDER BY array_position(ARRAY['anyone', 'member', 'viewer', 'operator', 'admin'], p.part[1]), p.part[3], p.rule
$$;
COMMENT ON FUNCTION kolony.my_rights(uuid) IS 'anyone: ask what you may do';
GRANT EXECUTE ON FUNCTION kolony.my_rights(uuid) TO kolony_user;

SET LOCAL ROLE kolony_roleadm;

-- A login's name and password verifier, checked where they become SQL. Says what is odd about the name.
CREATE FUNCTION kolony.check_login(who text, verifier text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    odd text := CASE
        WHEN coalesce(who, '') = '' THEN 'a login is not empty'
        WHEN length(who) > 31 THEN format('a login is at most 31 characters, this one has %s', length(who))
        WHEN who ~ '^(pg_|kolony_|ka_)' THEN
            format('a login is not to begin with "%s_", which is reserved', split_part(who, '_', 1))
        WHEN who IN ('public', 'none') THEN format('a login is not to be "%s", which is reserved', who)
        WHEN who ~ '[A-Z]' AND lower(who) ~ '^[a-z][a-z0-9_]*$' THEN
            format('a login is in lower case: "%s", not "%s"', lower(who), who)
        WHEN who !~ '^[a-z]' THEN 'a login is to begin with a letter from a to z'
        WHEN who !~ '^[a-z][a-z0-9_]*$' THEN
            format('a login is made of a-z, 0-9 and "_", and has no "%s"', substring(who FROM '[^a-z0-9_]')) END;
BEGIN
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION '%', odd USING ERRCODE = '22023', HINT = 'choose another name';
    END IF;
    PERFORM kolony.check_verifier(verifier);
END
$$;

-- RFC 5803, as Postgres writes it. Clear text never reaches the server.
CREATE FUNCTION kolony.check_verifier(verifier text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF verifier IS NULL
       OR verifier !~ '^SCRAM-SHA-256\$[0-9]{4,6}:[A-Za-z0-9+/]{16,}={0,2}\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$'
    THEN
        RAISE EXCEPTION 'a password is set by its SCRAM-SHA-256 verifier' USING ERRCODE = '22023';
    END IF;
END
$$;

-- Whether a login was made by make_login, for a person of this database. On version 15 a role administrator could change
-- any other login too, the installer's first of all.
CREATE FUNCTION kolony.made_here(who text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT pg_has_role('kolony_roleadm', r.oid, 'MEMBER') AND kolony.login_was_made_here(who)
                AND NOT (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
         FROM pg_roles r WHERE r.rolname = who), false)
$$;

-- Whether logins are made and changed from here (kolony migrate --user-admin). Where not, people's are made by whoever
-- runs the server, and agents share the login kolony_agent.
CREATE FUNCTION kolony.makes_logins() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.rolcreaterole FROM pg_roles r WHERE r.rolname = 'kolony_roleadm'
$$;

-- Ends the sessions of a login in this database, so that no open transaction outlives a right.
CREATE FUNCTION kolony.end_sessions(who text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended integer;
BEGIN
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) INTO ended FROM pg_stat_activity a
    WHERE a.usename = who AND a.datname = current_database() AND a.pid <> pg_backend_pid();
    RETURN ended;
EXCEPTION WHEN insufficient_privilege THEN
    -- A login that was made outside Kolony: its rights are gone at its next statement all the same.
    RETURN 0;
END
$$;

CREATE FUNCTION kolony.make_login(who text, verifier text, connections integer, door name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT %s PASSWORD %L', who, connections, verifier);
    EXECUTE format('GRANT %I TO %I', door, who);
    EXECUTE format('GRANT %I TO kolony_roleadm', who); -- lets this role end that login's sessions
END
$$;

-- Opens or shuts the door of a login that was made here; every other one is left to whoever made it.
CREATE FUNCTION kolony.allow_login(who text, allowed boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kolony.makes_logins() AND kolony.made_here(who) THEN
        EXECUTE format('ALTER ROLE %I %s', who, CASE WHEN allowed THEN 'LOGIN' ELSE 'NOLOGIN' END);
    END IF;
END
$$;

CREATE FUNCTION kolony.add_person(in_workspace uuid, who text, verifier text, as_role text, called text DEFAULT '')
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_login(who, verifier);
    IF to_regrole(quote_ident(who)) IS NOT NULL THEN
        RAISE EXCEPTION 'there is a login "%" on this server already', who USING ERRCODE = '23505',
            HINT = format('choose another name, or let that person in: kolony user add %s --role ROLE --existing', who);
    END IF;
    IF NOT kolony.makes_logins() THEN
        RAISE EXCEPTION 'this server does not let Kolony make logins' USING ERRCODE = '42501', HINT = format(
            'have it made with CREATE ROLE %s LOGIN IN ROLE kolony_user, then: kolony user add %s --role ROLE --existing',
            who, who);
    END IF;
    PERFORM kolony.make_login(who, verifier, 32, 'kolony_user');
    RETURN kolony.enroll_person(in_workspace, who, as_role, called, true);
END
$$;
COMMENT ON FUNCTION kolony.add_person(uuid, text, text, text, text) IS 'admin: make a login for a new person';

-- A login that the server has already becomes a member: one that whoever runs the server made, or a person who was
-- removed here. With the role given now; nothing comes back from before.
CREATE FUNCTION kolony.admit_person(in_workspace uuid, who text, as_role text, called text DEFAULT '') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its pg_roles;
    enrolled uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT * INTO its FROM pg_roles r WHERE r.rolname = who;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no login "%" on this server', who USING ERRCODE = 'P0002',
            HINT = format('have it made: CREATE ROLE %I LOGIN IN ROLE kolony_user', coalesce(who, ''));
    END IF;
    IF who ~ '^(pg_|ka_|kolony_(owner|api|roleadm|user|agents|agent|backup)$)'
       OR its.rolsuper OR its.rolbypassrls OR its.rolreplication
       OR its.rolcreaterole AND its.oid <> (SELECT d.datdba FROM pg_database d WHERE d.datname = current_database())
       OR NOT its.rolsuper AND pg_has_role(its.oid, 'kolony_agents', 'MEMBER')
    THEN
        RAISE EXCEPTION 'the login "%" is no person''s: it administers the server, or is an agent''s', who
            USING ERRCODE = '42501', HINT = 'give the person a login of their own';
    END IF;
    IF NOT pg_has_role(its.oid, 'kolony_user', 'USAGE') THEN
        RAISE EXCEPTION 'the login "%" is not let into Kolony', who USING ERRCODE = '55000',
            HINT = format('whoever runs the server does: GRANT kolony_user TO %I', who);
    END IF;
    enrolled := kolony.enroll_person(in_workspace, who, as_role, called, false);
    PERFORM kolony.allow_login(who, true);
    IF NOT (SELECT r.rolcanlogin FROM pg_roles r WHERE r.oid = its.oid) THEN
        RAISE EXCEPTION 'the login "%" is shut', who USING ERRCODE = '55000',
            HINT = format('whoever runs the server does: ALTER ROLE %I LOGIN', who);
    END IF;
    RETURN enrolled;
END
$$;
COMMENT ON FUNCTION kolony.admit_person(uuid, text, text, text) IS 'admin: let in a login that the server has already';

CREATE FUNCTION kolony.set_role(in_workspace uuid, who text, as_role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text := kolony.change_membership(in_workspace, who, as_role);
BEGIN
    IF before IS NULL THEN
        PERFORM kolony.allow_login(who, true);
    -- Not the sessions of a person of other workspaces: there, this admin has no say.
    ELSIF array_position(ARRAY['viewer', 'operator', 'admin'], before)
        > array_position(ARRAY['viewer', 'operator', 'admin'], as_role) AND kolony.administers_all_of(who)
    THEN
        PERFORM kolony.end_sessions(who);
    END IF;
END
$$;
COMMENT ON FUNCTION kolony.set_role(uuid, text, text) IS 'admin: give a person another role';

CREATE FUNCTION kolony.disable_person(in_workspace uuid, who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    still_somewhere boolean := kolony.change_disabled(in_workspace, who, true);
BEGIN
    PERFORM kolony.shut_out(who, still_somewhere);
END
$$;
COMMENT ON FUNCTION kolony.disable_person(uuid, text) IS 'admin: take a person''s rights away for a while';

CREATE FUNCTION kolony.enable_person(in_workspace uuid, who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.change_disabled(in_workspace, who, false);
    PERFORM kolony.allow_login(who, true);
END
$$;
COMMENT ON FUNCTION kolony.enable_person(uuid, text) IS 'admin: give a disabled person their rights back';

CREATE FUNCTION kolony.remove_person(in_workspace uuid, who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    still_somewhere boolean := kolony.end_membership(in_workspace, who);
BEGIN
    PERFORM kolony.shut_out(who, still_somewhere);
END
$$;
COMMENT ON FUNCTION kolony.remove_person(uuid, text) IS 'admin: remove a person from the workspace';

-- What follows when rights in a workspace are gone: the login is shut where none are left, and open sessions end.
CREATE FUNCTION kolony.shut_out(who text, still_somewhere boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT still_somewhere THEN
        PERFORM kolony.allow_login(who, false);
    END IF;
    IF NOT still_somewhere OR kolony.administers_all_of(who) THEN
        PERFORM kolony.end_sessions(who);
    END IF;
END
$$;

-- Ends a person's sessions, the caller's own one excepted, and answers how many.
CREATE FUNCTION kolony.force_out(in_workspace uuid, who text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended integer;
BEGIN
    PERFORM kolony.person_to_reset(in_workspace, who);
    IF NOT kolony.made_here(who) THEN
        RAISE EXCEPTION 'the login "%" was made outside Kolony', who USING ERRCODE = '42501',
            HINT = 'whoever made it can end its sessions; disable the person to take their rights';
    END IF;
    ended := kolony.end_sessions(who);
    PERFORM kolony.record_audit(in_workspace, 'SESSIONS_ENDED', who, jsonb_build_object('sessions', ended));
    RETURN ended;
END
$$;
COMMENT ON FUNCTION kolony.force_out(uuid, text) IS 'admin: end a person''s sessions';

-- The members' sessions in this database. What a program calls itself is its own claim; of a login that was made outside
-- Kolony the server shows little.
CREATE FUNCTION kolony.connected_people(in_workspace uuid)
RETURNS TABLE (login text, pid integer, application text, client text, since timestamptz, idle_seconds integer, state text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    members oid[] := kolony.member_logins(in_workspace);
BEGIN
    RETURN QUERY
    SELECT a.usename::text, a.pid, a.application_name,
           coalesce(host(a.client_addr), CASE WHEN a.client_port = -1 THEN 'this machine' END), a.backend_start,
           CASE WHEN a.state LIKE 'idle%' THEN extract(epoch FROM clock_timestamp() - a.state_change)::integer END, a.state
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usesysid = ANY (members)
      AND coalesce(a.backend_type, 'client backend') = 'client backend'
    ORDER BY a.usename, a.backend_start, a.pid;
END
$$;
COMMENT ON FUNCTION kolony.connected_people(uuid) IS 'admin: see who is connected, from where';

CREATE FUNCTION kolony.reset_password(in_workspace uuid, who text, verifier text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.person_to_reset(in_workspace, who);
    PERFORM kolony.check_verifier(verifier);
    IF NOT kolony.made_here(who) THEN
        RAISE EXCEPTION 'the login "%" was made outside Kolony', who
            USING ERRCODE = '42501', HINT = 'whoever made it can change its password';
    END IF;
    IF NOT kolony.makes_logins() THEN
        RAISE EXCEPTION 'this server does not let Kolony change passwords' USING ERRCODE = '42501',
            HINT = 'whoever runs the server can, or the person themself: kolony user passwd';
    END IF;
    EXECUTE format('ALTER ROLE %I PASSWORD %L', who, verifier);
    PERFORM kolony.record_audit(in_workspace, 'PASSWORD_RESET', who);
    PERFORM kolony.end_sessions(who);
END
$$;
COMMENT ON FUNCTION kolony.reset_password(uuid, text, text) IS 'admin: give a person another password';

GRANT EXECUTE ON FUNCTION kolony.add_person(uuid, text, text, text, text), kolony.admit_person(uuid, text, text, text),
    kolony.set_role(uuid, text, text), kolony.disable_person(uuid, text), kolony.enable_person(uuid, text),
    kolony.remove_person(uuid, text), kolony.force_out(uuid, text), kolony.connected_people(uuid),
    kolony.reset_password(uuid, text, text) TO kolony_user;

RESET ROLE;
