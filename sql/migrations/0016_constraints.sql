-- Constraint profiles: named limits of a run. One may be the workspace's default. A command keeps a copy of the limits
-- that it was sent with, so a profile that is changed or deleted changes nothing that was sent before.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.constraint_profiles (
    workspace_id      uuid NOT NULL REFERENCES kolony.workspaces,
    constraint_id     uuid NOT NULL DEFAULT kolony.new_id(),
    name              text NOT NULL,
    description       text NOT NULL DEFAULT '' CHECK (length(description) <= 10000),
    time_limit_ms     bigint CHECK (time_limit_ms BETWEEN 1 AND 31536000000),
    token_budget      bigint CHECK (token_budget BETWEEN 1 AND 1000000000000),
    memory_limit_mb   integer CHECK (memory_limit_mb BETWEEN 1 AND 16777216),
    cpu_limit_percent integer CHECK (cpu_limit_percent BETWEEN 1 AND 100000),
    is_default        boolean NOT NULL DEFAULT false,
    created_by        uuid REFERENCES kolony.profiles,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    PRIMARY KEY (workspace_id, constraint_id),
    CONSTRAINT constraint_name_has_a_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT constraint_name_is_printable CHECK (name = btrim(name) AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    CONSTRAINT what_is_deleted_is_no_default CHECK (deleted_at IS NULL OR NOT is_default)
);
COMMENT ON COLUMN kolony.constraint_profiles.memory_limit_mb IS 'of all processes of a run together, in 1,000,000 bytes';
COMMENT ON COLUMN kolony.constraint_profiles.cpu_limit_percent IS 'of one processor: 250 is two and a half';
CREATE UNIQUE INDEX constraint_name_is_free ON kolony.constraint_profiles (workspace_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX one_default_constraint ON kolony.constraint_profiles (workspace_id) WHERE is_default;
CREATE INDEX constraint_profiles_by_creator ON kolony.constraint_profiles (created_by);

SELECT kolony.protect('kolony.constraint_profiles');
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.constraint_profiles
    FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE POLICY member ON kolony.constraint_profiles FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
COMMENT ON POLICY member ON kolony.constraint_profiles IS 'viewer: see the constraint profiles';
GRANT SELECT ON kolony.constraint_profiles TO kolony_user;


SET LOCAL ROLE kolony_api;

-- The limits that a command gets: of the profile that is named, or else of the default one; a row of nulls where there
-- is neither.
CREATE FUNCTION kolony.limits_for(home uuid, the_constraint uuid) RETURNS kolony.constraint_profiles
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    profile kolony.constraint_profiles;
BEGIN
    SELECT * INTO profile FROM kolony.constraint_profiles p
    WHERE p.workspace_id = home AND p.deleted_at IS NULL
      AND CASE WHEN the_constraint IS NULL THEN p.is_default ELSE p.constraint_id = the_constraint END;
    IF NOT FOUND AND the_constraint IS NOT NULL THEN
        RAISE EXCEPTION 'there is no such constraint profile here'
            USING ERRCODE = 'P0002', HINT = 'see kolony constraint list';
    END IF;
    RETURN profile;
END
$$;

-- A profile of my workspaces, for a step of an admin. The workspace's row is the lock of its profiles: whoever makes,
-- names, chooses or deletes one waits for the other.
CREATE FUNCTION kolony.constraint_for_step(the_constraint uuid) RETURNS kolony.constraint_profiles
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    profile kolony.constraint_profiles;
BEGIN
    SELECT * INTO profile FROM kolony.constraint_profiles p
    WHERE p.constraint_id = the_constraint AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such constraint profile here'
            USING ERRCODE = 'P0002', HINT = 'see kolony constraint list';
    END IF;
    PERFORM kolony.require_role(profile.workspace_id, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = profile.workspace_id FOR NO KEY UPDATE;
    SELECT * INTO profile FROM kolony.constraint_profiles p
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint;
    RETURN profile;
END
$$;

CREATE FUNCTION kolony.check_constraint(new_name text, time_limit_ms bigint, token_budget bigint,
    memory_limit_mb integer, cpu_limit_percent integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF new_name IS NULL OR new_name <> btrim(new_name) OR length(new_name) NOT BETWEEN 1 AND 100
       OR new_name ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'a constraint profile''s name is 1 to 100 printable characters' USING ERRCODE = '22023';
    END IF;
    IF time_limit_ms NOT BETWEEN 1 AND 31536000000 THEN
        RAISE EXCEPTION 'a time limit is 1 ms to 365 days' USING ERRCODE = '22023';
    END IF;
    IF token_budget NOT BETWEEN 1 AND 1000000000000 THEN
        RAISE EXCEPTION 'a token budget is 1 to 1000000000000 tokens' USING ERRCODE = '22023';
    END IF;
    IF memory_limit_mb NOT BETWEEN 1 AND 16777216 THEN
        RAISE EXCEPTION 'a memory limit is 1 to 16777216 MB' USING ERRCODE = '22023';
    END IF;
    IF cpu_limit_percent NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'a CPU limit is 1 to 100000 percent of one processor' USING ERRCODE = '22023';
    END IF;
END
$$;

CREATE FUNCTION kolony.refuse_taken_constraint(home uuid, new_name text, besides uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM kolony.constraint_profiles p WHERE p.workspace_id = home AND p.name = new_name
               AND p.deleted_at IS NULL AND p.constraint_id IS DISTINCT FROM besides)
    THEN
        RAISE EXCEPTION 'there is a constraint profile "%" already', new_name
            USING ERRCODE = '23505', HINT = 'choose another name';
    END IF;
END
$$;

CREATE FUNCTION kolony.make_constraint(in_workspace uuid, new_name text, new_description text DEFAULT '',
    time_limit_ms bigint DEFAULT NULL, token_budget bigint DEFAULT NULL, memory_limit_mb integer DEFAULT NULL,
    cpu_limit_percent integer DEFAULT NULL, as_default boolean DEFAULT false) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_constraint(new_name, time_limit_ms, token_budget, memory_limit_mb, cpu_limit_percent);
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR NO KEY UPDATE;
    PERFORM kolony.refuse_taken_constraint(in_workspace, new_name, NULL);
    IF as_default THEN
        UPDATE kolony.constraint_profiles p SET is_default = false WHERE p.workspace_id = in_workspace AND p.is_default;
    END IF;
    INSERT INTO kolony.constraint_profiles (workspace_id, name, description, time_limit_ms, token_budget,
        memory_limit_mb, cpu_limit_percent, is_default, created_by)
    VALUES (in_workspace, new_name, coalesce(new_description, ''), time_limit_ms, token_budget, memory_limit_mb,
        cpu_limit_percent, coalesce(as_default, false), kolony.my_profile_id())
    RETURNING constraint_id INTO made;
    PERFORM kolony.hint(in_workspace, 'constraint:' || made);
    RETURN made;
END
$$;

-- All of it at once; a limit of null is none.
CREATE FUNCTION kolony.change_constraint(the_constraint uuid, new_name text, new_description text,
    new_time_limit_ms bigint, new_token_budget bigint, new_memory_limit_mb integer, new_cpu_limit_percent integer)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    profile kolony.constraint_profiles := kolony.constraint_for_step(the_constraint);
BEGIN
    IF profile.deleted_at IS NOT NULL THEN
        RAISE EXCEPTION 'the constraint profile "%" is deleted', profile.name USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.check_constraint(new_name, new_time_limit_ms, new_token_budget, new_memory_limit_mb,
        new_cpu_limit_percent);
    PERFORM kolony.refuse_taken_constraint(profile.workspace_id, new_name, the_constraint);
    UPDATE kolony.constraint_profiles p SET name = new_name, description = coalesce(new_description, ''),
        time_limit_ms = new_time_limit_ms, token_budget = new_token_budget, memory_limit_mb = new_memory_limit_mb,
        cpu_limit_percent = new_cpu_limit_percent
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint;
    PERFORM kolony.hint(profile.workspace_id, 'constraint:' || the_constraint);
END
$$;

-- What is sent without naming a profile gets this one from now on; null: none.
CREATE FUNCTION kolony.set_default_constraint(in_workspace uuid, the_constraint uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    profile kolony.constraint_profiles;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR NO KEY UPDATE;
    profile := kolony.limits_for(in_workspace, the_constraint); -- refuses one that is not there
    UPDATE kolony.constraint_profiles p SET is_default = false
    WHERE p.workspace_id = in_workspace AND p.is_default AND p.constraint_id IS DISTINCT FROM the_constraint;
    UPDATE kolony.constraint_profiles p SET is_default = true
    WHERE p.workspace_id = in_workspace AND p.constraint_id = the_constraint AND NOT p.is_default;
    PERFORM kolony.hint(in_workspace, 'constraint:' || coalesce(the_constraint::text, '*'));
END
$$;

-- Commands that were sent with it keep their limits. Once more does no harm.
CREATE FUNCTION kolony.delete_constraint(the_constraint uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    profile kolony.constraint_profiles := kolony.constraint_for_step(the_constraint);
BEGIN
    IF profile.deleted_at IS NOT NULL THEN
        RETURN;
    END IF;
    UPDATE kolony.constraint_profiles p SET deleted_at = now(), is_default = false
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint;
    PERFORM kolony.remember_undo(profile.workspace_id, 'delete_constraint',
        format('constraint profile "%s" deleted', profile.name),
        jsonb_build_object('constraint_id', the_constraint, 'was_default', profile.is_default));
    PERFORM kolony.hint(profile.workspace_id, 'constraint:' || the_constraint);
END
$$;

-- It is the default again only where no other one became that meanwhile.
CREATE FUNCTION kolony.undelete_constraint(the_constraint uuid, as_default boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    profile kolony.constraint_profiles := kolony.constraint_for_step(the_constraint);
BEGIN
    PERFORM kolony.refuse_taken_constraint(profile.workspace_id, profile.name, the_constraint);
    UPDATE kolony.constraint_profiles p
    SET deleted_at = NULL, is_default = coalesce(as_default, false) AND NOT EXISTS (
        SELECT FROM kolony.constraint_profiles o WHERE o.workspace_id = profile.workspace_id AND o.is_default)
    WHERE p.workspace_id = profile.workspace_id AND p.constraint_id = the_constraint AND p.deleted_at IS NOT NULL;
    PERFORM kolony.hint(profile.workspace_id, 'constraint:' || the_constraint);
END
$$;

-- Called by kolony.undo, which has checked whose step it was.
CREATE FUNCTION kolony.undo_delete_constraint(home uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.undelete_constraint((facts ->> 'constraint_id')::uuid, (facts ->> 'was_default')::boolean);
END
$$;

CREATE FUNCTION kolony.audit_constraint() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    limits CONSTANT text[] := ARRAY['time_limit_ms', 'token_budget', 'memory_limit_mb', 'cpu_limit_percent'];
    facts jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT jsonb_object_agg(l, to_jsonb(NEW) -> l) INTO facts FROM unnest(limits) l;
        PERFORM kolony.record_audit(NEW.workspace_id, 'CONSTRAINT_CREATED', NEW.name,
            facts || jsonb_build_object('is_default', NEW.is_default));
    ELSIF OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'CONSTRAINT_DELETED', NEW.name,
            jsonb_build_object('was_default', OLD.is_default));
    ELSE
        facts := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW),
            ARRAY['name', 'description', 'is_default', 'deleted_at'] || limits);
        IF facts <> '{}' THEN
            PERFORM kolony.record_audit(NEW.workspace_id, 'CONSTRAINT_CHANGED', NEW.name, facts);
        END IF;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION kolony.make_constraint(uuid, text, text, bigint, bigint, integer, integer, boolean) IS
    'admin: make a constraint profile';
COMMENT ON FUNCTION kolony.change_constraint(uuid, text, text, bigint, bigint, integer, integer) IS
    'admin: change a constraint profile';
COMMENT ON FUNCTION kolony.set_default_constraint(uuid, uuid) IS
    'admin: say which constraint profile is the default';
COMMENT ON FUNCTION kolony.delete_constraint(uuid) IS 'admin: delete a constraint profile';
COMMENT ON FUNCTION kolony.undelete_constraint(uuid, boolean) IS 'admin: bring a deleted constraint profile back';
GRANT EXECUTE ON FUNCTION kolony.make_constraint(uuid, text, text, bigint, bigint, integer, integer, boolean),
    kolony.change_constraint(uuid, text, text, bigint, bigint, integer, integer),
    kolony.set_default_constraint(uuid, uuid), kolony.delete_constraint(uuid),
    kolony.undelete_constraint(uuid, boolean) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.audit_constraint() TO kolony_owner;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER audit AFTER INSERT OR UPDATE ON kolony.constraint_profiles
    FOR EACH ROW EXECUTE FUNCTION kolony.audit_constraint();

RESET ROLE;
