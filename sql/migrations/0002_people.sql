-- Workspaces with their plans, profiles, memberships; who the session is, and what that allows.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.workspaces (
    workspace_id      uuid PRIMARY KEY DEFAULT kolony.new_id(),
    slug              text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9-]{0,62}$'),
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    admits_viewers    boolean NOT NULL DEFAULT false,
    channel           text NOT NULL UNIQUE DEFAULT 'k_' || replace(gen_random_uuid()::text, '-', '')
                      CHECK (channel ~ '^k_[0-9a-f]{32}$'),
    heartbeat_seconds integer NOT NULL DEFAULT 5 CHECK (heartbeat_seconds BETWEEN 1 AND 300),
    lease_seconds     integer NOT NULL DEFAULT 30 CHECK (lease_seconds BETWEEN 3 AND 3600),
    backoff_seconds   integer NOT NULL DEFAULT 2 CHECK (backoff_seconds BETWEEN 0 AND 3600),
    plan              text NOT NULL DEFAULT 'unlimited' CHECK (length(plan) BETWEEN 1 AND 100),
    max_members       integer CHECK (max_members >= 1),
    max_agents        integer CHECK (max_agents >= 0),
    max_waiting_runs  integer CHECK (max_waiting_runs >= 0),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT lease_outlives_heartbeat CHECK (lease_seconds >= 3 * heartbeat_seconds)
);
COMMENT ON COLUMN kolony.workspaces.admits_viewers IS 'a login that comes for the first time becomes a viewer here';
COMMENT ON COLUMN kolony.workspaces.channel IS 'NOTIFY channel; unguessable as a courtesy, nothing secret passes on it';

CREATE TABLE kolony.profiles (
    profile_id   uuid PRIMARY KEY DEFAULT kolony.new_id(),
    login        text NOT NULL,
    role_oid     oid NOT NULL,
    display_name text NOT NULL DEFAULT '' CHECK (length(display_name) <= 200),
    avatar       text NOT NULL DEFAULT '' CHECK (length(avatar) <= 8),
    login_made   boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    -- Login and oid: a role that was dropped and made again under an old name is another person.
    UNIQUE (login, role_oid)
);
COMMENT ON COLUMN kolony.profiles.login_made IS
    'the login was made from this database; no other one is changed from here: it may be a person of another database';

CREATE TABLE kolony.memberships (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    profile_id   uuid NOT NULL REFERENCES kolony.profiles,
    role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    disabled     boolean NOT NULL DEFAULT false,
    granted_by   uuid REFERENCES kolony.profiles,
    granted_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, profile_id)
);
COMMENT ON COLUMN kolony.memberships.disabled IS
    'here and not in the profile: no client can lock this row, and an admin elsewhere has no say in it';
CREATE INDEX memberships_by_profile ON kolony.memberships (profile_id);
CREATE INDEX memberships_by_granter ON kolony.memberships (granted_by);

SELECT kolony.protect('kolony.workspaces');
SELECT kolony.protect('kolony.profiles');
SELECT kolony.protect('kolony.memberships');
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.workspaces FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.profiles FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();

SET LOCAL ROLE kolony_api;

-- Who the session is. session_user, because SET ROLE does not change it and only a superuser can fake it.
-- These run once in every statement under row security. PL/pgSQL keeps their plans; SQL functions are planned at each
-- call by servers before 18, which takes longer than reading what the statement is about.
CREATE FUNCTION kolony.my_profile_id() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT p.profile_id FROM kolony.profiles p
            WHERE p.login = session_user AND p.role_oid = to_regrole(quote_ident(session_user))::oid);
END
$$;

CREATE FUNCTION kolony.my_workspace_ids() RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT m.workspace_id FROM kolony.memberships m WHERE NOT m.disabled AND m.profile_id = (
        SELECT p.profile_id FROM kolony.profiles p
        WHERE p.login = session_user AND p.role_oid = to_regrole(quote_ident(session_user))::oid));
END
$$;

CREATE FUNCTION kolony.my_colleague_ids() RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT m.profile_id FROM kolony.memberships m
                 WHERE m.workspace_id = ANY (kolony.my_workspace_ids()));
END
$$;

-- True when the session holds at least this role there. Answers only in READ COMMITTED: an older snapshot would keep
-- rights alive that are gone.
CREATE FUNCTION kolony.holds_role(in_workspace uuid, needed text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN current_setting('transaction_isolation') = 'read committed' AND EXISTS (
        SELECT FROM kolony.memberships m
        WHERE m.workspace_id = in_workspace AND m.profile_id = kolony.my_profile_id() AND NOT m.disabled
          AND array_position(ARRAY['viewer', 'operator', 'admin'], m.role)
           >= array_position(ARRAY['viewer', 'operator', 'admin'], needed));
END
$$;

CREATE FUNCTION kolony.require_role(in_workspace uuid, needed text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held text;
BEGIN
    IF kolony.holds_role(in_workspace, needed) THEN
        RETURN;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'rights are only checked in a READ COMMITTED transaction'
            USING ERRCODE = '42501', HINT = 'begin the transaction without another isolation level';
    END IF;
    SELECT m.role INTO held FROM kolony.memberships m
    WHERE m.workspace_id = in_workspace AND m.profile_id = kolony.my_profile_id() AND NOT m.disabled;
    IF held IS NULL THEN
        RAISE EXCEPTION 'you are not a member of this workspace'
            USING ERRCODE = '42501', HINT = 'ask an admin of the workspace to add you';
    END IF;
    RAISE EXCEPTION 'you are a % here; this needs the role %', held, needed
        USING ERRCODE = '42501', HINT = 'ask an admin of the workspace';
END
$$;

-- Tells whoever listens to look again. A hint only: a full queue must never stop a write.
CREATE FUNCTION kolony.hint(in_workspace uuid, payload text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify(w.channel, payload) FROM kolony.workspaces w WHERE w.workspace_id = in_workspace;
    END IF;
END
$$;

-- A login that comes for the first time gets its own profile, and is a viewer wherever viewers are admitted and the plan
-- has room. Only then: who was removed comes back by an admin's step alone, also under a login that was made anew.
CREATE FUNCTION kolony.ensure_profile() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known_name boolean := EXISTS (SELECT FROM kolony.profiles p WHERE p.login = session_user);
    mine uuid;
    limited kolony.workspaces;
BEGIN
    INSERT INTO kolony.profiles (login, role_oid)
    VALUES (session_user, to_regrole(quote_ident(session_user))::oid)
    ON CONFLICT (login, role_oid) DO NOTHING
    RETURNING profile_id INTO mine;
    IF mine IS NOT NULL AND NOT known_name THEN
        INSERT INTO kolony.memberships (workspace_id, profile_id, role)
        SELECT w.workspace_id, mine, 'viewer' FROM kolony.workspaces w WHERE w.admits_viewers AND w.max_members IS NULL;
        -- Locked where seats are counted only: anybody who comes holds these until the end of the transaction.
        FOR limited IN
            SELECT * FROM kolony.workspaces w WHERE w.admits_viewers AND w.max_members IS NOT NULL
            ORDER BY w.workspace_id FOR NO KEY UPDATE
        LOOP
            INSERT INTO kolony.memberships (workspace_id, profile_id, role)
            SELECT limited.workspace_id, mine, 'viewer'
            WHERE limited.max_members > (SELECT count(*) FROM kolony.memberships m
                                         WHERE m.workspace_id = limited.workspace_id AND NOT m.disabled)
            ON CONFLICT (workspace_id, profile_id) DO NOTHING;
        END LOOP;
    END IF;
    mine := coalesce(mine, kolony.my_profile_id());
    IF EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = mine)
       AND NOT EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = mine AND NOT m.disabled)
    THEN
        RAISE EXCEPTION 'the login "%" is disabled', session_user USING ERRCODE = '28000', HINT = 'ask an admin';
    END IF;
    RETURN mine;
END
$$;

CREATE FUNCTION kolony.create_workspace(new_slug text, new_name text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' OR NOT EXISTS (
        SELECT FROM kolony.memberships m
        WHERE m.profile_id = kolony.my_profile_id() AND m.role = 'admin' AND NOT m.disabled)
    THEN
        RAISE EXCEPTION 'only an admin may make a workspace' USING ERRCODE = '42501', HINT = 'ask an admin';
    END IF;
    IF new_slug IS NULL OR new_slug !~ '^[a-z][a-z0-9-]{0,62}$' THEN
        RAISE EXCEPTION 'a workspace''s slug is 1 to 63 of a-z, 0-9 and "-", beginning with a letter'
            USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.workspaces (slug, name) VALUES (new_slug, coalesce(nullif(new_name, ''), new_slug))
    ON CONFLICT (slug) DO NOTHING RETURNING workspace_id INTO made;
    IF made IS NULL THEN
        RAISE EXCEPTION 'there is a workspace "%" already', new_slug
            USING ERRCODE = '23505', HINT = 'choose another slug';
    END IF;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role, granted_by)
    VALUES (made, kolony.my_profile_id(), 'admin', kolony.my_profile_id());
    RETURN made;
END
$$;
COMMENT ON FUNCTION kolony.create_workspace(text, text) IS 'admin anywhere: make a workspace';

-- The first workspace and its first admin; for the installer alone, once.
CREATE FUNCTION kolony.found(first_slug text, first_name text, admin_login text, admin_name text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
    admin_id uuid;
BEGIN
    LOCK TABLE kolony.workspaces IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM kolony.workspaces) THEN
        RAISE EXCEPTION 'this database has a workspace already' USING ERRCODE = '55000';
    END IF;
    IF to_regrole(quote_ident(admin_login)) IS NULL THEN
        RAISE EXCEPTION 'there is no login "%" on this server', admin_login USING ERRCODE = 'P0002';
    END IF;
    INSERT INTO kolony.workspaces (slug, name, admits_viewers) VALUES (first_slug, first_name, true)
    RETURNING workspace_id INTO made;
    INSERT INTO kolony.profiles (login, role_oid, display_name, login_made)
    VALUES (admin_login, to_regrole(quote_ident(admin_login))::oid, admin_name,
            pg_has_role('kolony_roleadm', admin_login, 'MEMBER'))
    ON CONFLICT (login, role_oid) DO UPDATE SET display_name = EXCLUDED.display_name
    RETURNING profile_id INTO admin_id;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role) VALUES (made, admin_id, 'admin');
    RETURN made;
END
$$;

-- After a restore on another cluster the same logins have other oids; for the installer alone.
CREATE FUNCTION kolony.relink_profiles() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE kolony.profiles p SET role_oid = to_regrole(quote_ident(p.login))::oid
    WHERE to_regrole(quote_ident(p.login)) IS NOT NULL
      AND p.role_oid <> to_regrole(quote_ident(p.login))::oid
      AND NOT EXISTS (SELECT FROM kolony.profiles q
                      WHERE q.login = p.login AND q.role_oid = to_regrole(quote_ident(p.login))::oid)
      AND p.created_at = (SELECT max(r.created_at) FROM kolony.profiles r WHERE r.login = p.login);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;

-- The person whom an admin of this workspace may change. Locks its admins first, so that two admins who remove each
-- other at the same moment come one after the other, and checks the caller after the wait.
CREATE FUNCTION kolony.person_to_change(in_workspace uuid, who text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.memberships m WHERE m.workspace_id = in_workspace AND m.role = 'admin'
    ORDER BY m.profile_id FOR UPDATE;
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT p.profile_id INTO found_id FROM kolony.profiles p
    WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no person "%"', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    RETURN found_id;
END
$$;

-- Makes a login a member. ``newly_made``: it was made for that just now, so it may be changed from here later.
CREATE FUNCTION kolony.enroll_person(in_workspace uuid, who text, as_role text, called text, newly_made boolean)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_role(as_role);
    IF length(called) > 200 THEN
        RAISE EXCEPTION 'a person''s name is at most 200 characters' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.profiles (login, role_oid, display_name, login_made)
    VALUES (who, to_regrole(quote_ident(who))::oid, coalesce(called, ''), newly_made)
    ON CONFLICT (login, role_oid) DO NOTHING;
    SELECT p.profile_id INTO STRICT target FROM kolony.profiles p
    WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role, granted_by)
    VALUES (in_workspace, target, as_role, kolony.my_profile_id())
    ON CONFLICT (workspace_id, profile_id) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is a member of this workspace already', who USING ERRCODE = '23505',
            HINT = 'kolony user role changes the role, kolony user enable lets in again who is disabled';
    END IF;
    PERFORM kolony.require_room(in_workspace, 'members');
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN target;
END
$$;

CREATE FUNCTION kolony.check_role(as_role text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF as_role IS NULL OR as_role NOT IN ('viewer', 'operator', 'admin') THEN
        RAISE EXCEPTION 'a role is viewer, operator or admin' USING ERRCODE = '22023';
    END IF;
END
$$;

-- Sets a person's role here and answers with the role they had (null: they were no member).
CREATE FUNCTION kolony.change_membership(in_workspace uuid, who text, as_role text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
    before text;
BEGIN
    PERFORM kolony.check_role(as_role);
    SELECT m.role INTO before FROM kolony.memberships m
    WHERE m.workspace_id = in_workspace AND m.profile_id = target;
    IF before = 'admin' AND as_role <> 'admin' THEN
        PERFORM kolony.require_another_admin(in_workspace, target, who);
    END IF;
    INSERT INTO kolony.memberships (workspace_id, profile_id, role, granted_by)
    VALUES (in_workspace, target, as_role, kolony.my_profile_id())
    ON CONFLICT (workspace_id, profile_id)
    DO UPDATE SET role = EXCLUDED.role, granted_by = EXCLUDED.granted_by, granted_at = now();
    PERFORM kolony.require_room(in_workspace, 'members');
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN before;
END
$$;

-- Takes the rights in this workspace away, or gives them back; answers whether the person still has rights anywhere.
CREATE FUNCTION kolony.change_disabled(in_workspace uuid, who text, to_disabled boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
BEGIN
    IF to_disabled THEN
        PERFORM kolony.require_another_admin(in_workspace, target, who);
    END IF;
    UPDATE kolony.memberships m SET disabled = to_disabled
    WHERE m.workspace_id = in_workspace AND m.profile_id = target;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is no member of this workspace', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    IF NOT to_disabled THEN
        PERFORM kolony.require_room(in_workspace, 'members');
    END IF;
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = target AND NOT m.disabled);
END
$$;

-- Takes a membership away; answers whether the person still has rights anywhere. The profile stays, for what they did.
CREATE FUNCTION kolony.end_membership(in_workspace uuid, who text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
BEGIN
    PERFORM kolony.require_another_admin(in_workspace, target, who);
    DELETE FROM kolony.memberships m WHERE m.workspace_id = in_workspace AND m.profile_id = target;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" is no member of this workspace', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    PERFORM kolony.hint(in_workspace, 'people:*');
    RETURN EXISTS (SELECT FROM kolony.memberships m WHERE m.profile_id = target AND NOT m.disabled);
END
$$;

CREATE FUNCTION kolony.require_another_admin(in_workspace uuid, besides uuid, who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.memberships m
                   WHERE m.workspace_id = in_workspace AND m.role = 'admin' AND NOT m.disabled AND m.profile_id <> besides)
    THEN
        RAISE EXCEPTION '"%" is the only admin of this workspace', who
            USING ERRCODE = '55000', HINT = 'make somebody else admin first';
    END IF;
END
$$;

-- Whether the caller is admin in every workspace of that person, disabled memberships included. A login is one for all
-- workspaces, so only such an admin may touch it.
CREATE FUNCTION kolony.administers_all_of(who text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(bool_and(kolony.holds_role(m.workspace_id, 'admin')), false)
    FROM kolony.profiles p JOIN kolony.memberships m USING (profile_id)
    WHERE p.login = who AND p.role_oid = to_regrole(quote_ident(who))::oid
$$;

-- For a step on the login itself: its person is a member here, and of no workspace where the caller has no say.
CREATE FUNCTION kolony.person_to_reset(in_workspace uuid, who text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target uuid := kolony.person_to_change(in_workspace, who);
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.memberships m WHERE m.workspace_id = in_workspace AND m.profile_id = target) THEN
        RAISE EXCEPTION '"%" is no member of this workspace', who USING ERRCODE = 'P0002', HINT = 'see kolony user list';
    END IF;
    IF NOT kolony.administers_all_of(who) THEN
        RAISE EXCEPTION 'this person also belongs to a workspace of which you are no admin'
            USING ERRCODE = '42501', HINT = 'ask an admin of that workspace';
    END IF;
END
$$;

COMMENT ON FUNCTION kolony.my_profile_id() IS 'anyone: ask who you are';
COMMENT ON FUNCTION kolony.my_workspace_ids() IS 'anyone: ask where you are a member';
COMMENT ON FUNCTION kolony.my_colleague_ids() IS 'anyone: ask with whom you share a workspace';
COMMENT ON FUNCTION kolony.holds_role(uuid, text) IS 'anyone: ask what your role is';
COMMENT ON FUNCTION kolony.ensure_profile() IS 'anyone: come in as a viewer, where viewers are admitted';

GRANT EXECUTE ON FUNCTION kolony.my_profile_id(), kolony.my_workspace_ids(), kolony.my_colleague_ids(),
    kolony.holds_role(uuid, text), kolony.ensure_profile(), kolony.create_workspace(text, text) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.my_profile_id(), kolony.my_workspace_ids(), kolony.my_colleague_ids() TO kolony_backup;
GRANT EXECUTE ON FUNCTION kolony.require_role(uuid, text), kolony.enroll_person(uuid, text, text, text, boolean),
    kolony.change_membership(uuid, text, text), kolony.change_disabled(uuid, text, boolean),
    kolony.end_membership(uuid, text), kolony.person_to_reset(uuid, text), kolony.administers_all_of(text),
    kolony.hint(uuid, text) TO kolony_roleadm;

SET LOCAL ROLE kolony_owner;

CREATE POLICY member ON kolony.workspaces FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.memberships FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY colleague ON kolony.profiles FOR SELECT
    USING (profile_id = ANY ((SELECT kolony.my_colleague_ids())::uuid[]) OR profile_id = (SELECT kolony.my_profile_id()));
CREATE POLICY myself ON kolony.profiles FOR UPDATE
    USING (profile_id = (SELECT kolony.my_profile_id()) AND (SELECT kolony.my_workspace_ids()) <> '{}'
           AND current_setting('transaction_isolation') = 'read committed')
    WITH CHECK (profile_id = (SELECT kolony.my_profile_id()));

COMMENT ON POLICY colleague ON kolony.profiles IS 'anyone: see yourself, and with whom you share a workspace';
COMMENT ON POLICY myself ON kolony.profiles IS 'viewer: change your own name and initials';

GRANT SELECT ON kolony.workspaces, kolony.profiles, kolony.memberships TO kolony_user;
GRANT UPDATE (display_name, avatar) ON kolony.profiles TO kolony_user;

RESET ROLE;
