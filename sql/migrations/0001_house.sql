-- The roles, the schema and its lock: who owns what, and what PUBLIC may not do.
--
-- Run by a role that owns the database and has CREATEROLE, or for which the roles were made before (kolony migrate
-- --roles); no superuser is needed. Roles belong to the whole cluster, the rest to this database, so everything about
-- roles is "make it unless it is there".

DO $$
DECLARE
    wanted text;
    newer CONSTANT boolean := current_setting('server_version_num')::int >= 160000; -- knows GRANT ... WITH INHERIT, SET
BEGIN
    FOREACH wanted IN ARRAY ARRAY['kolony_owner', 'kolony_api', 'kolony_user', 'kolony_agents', 'kolony_backup'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    IF to_regrole('kolony_roleadm') IS NULL THEN
        -- Whether it may make logins is the installer's choice: on version 15 that reaches every login of the cluster.
        EXECUTE 'CREATE ROLE kolony_roleadm NOLOGIN '
            || CASE current_setting('kolony.user_admin', true) WHEN 'on' THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END;
    END IF;

    -- The installer may become each owner for the length of a migration, and inherits nothing from them meanwhile.
    FOREACH wanted IN ARRAY ARRAY['kolony_owner', 'kolony_api', 'kolony_roleadm', 'kolony_backup'] LOOP
        IF newer AND NOT pg_has_role(current_user, wanted, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', wanted);
        ELSIF NOT newer AND NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;

    -- The installer is a person too: the first admin, where nobody else is named.
    IF NOT pg_has_role(current_user, 'kolony_user', 'USAGE') THEN -- which a superuser has without
        GRANT kolony_user TO CURRENT_USER;
    END IF;

    -- The role administrator opens the doors for people and agents.
    IF newer AND pg_has_role(current_user, 'kolony_user', 'MEMBER WITH ADMIN OPTION')
       AND pg_has_role(current_user, 'kolony_agents', 'MEMBER WITH ADMIN OPTION')
    THEN
        -- As a string: the grammar of 15 does not know these options.
        EXECUTE 'GRANT kolony_user, kolony_agents TO kolony_roleadm WITH ADMIN TRUE, INHERIT FALSE, SET FALSE';
    END IF;

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO kolony_user, kolony_agents, kolony_backup', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA kolony AUTHORIZATION kolony_owner;

SET LOCAL ROLE kolony_owner;

GRANT USAGE ON SCHEMA kolony TO kolony_user, kolony_agents, kolony_backup;
GRANT USAGE, CREATE ON SCHEMA kolony TO kolony_api, kolony_roleadm;
COMMENT ON SCHEMA kolony IS 'Kolony: a command center for fleets of AI agents';

-- Without IN SCHEMA: only so does it take EXECUTE from PUBLIC.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Row security for one table: forced, all rows for the API owner, readable for a backup, nothing for anybody else.
-- Client policies are added by hand, without TO: a policy that names a group dies with DROP OWNED BY that group.
CREATE FUNCTION kolony.protect(target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY api ON %s TO kolony_api USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY backup ON %s FOR SELECT TO kolony_backup USING (true)', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO kolony_api', target);
    EXECUTE format('GRANT SELECT ON %s TO kolony_backup', target);
END
$$;

CREATE TABLE kolony.migrations (
    version    integer PRIMARY KEY CHECK (version > 0),
    name       text NOT NULL,
    checksum   text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL DEFAULT session_user
);
SELECT kolony.protect('kolony.migrations');
CREATE POLICY readable ON kolony.migrations FOR SELECT USING (true);
COMMENT ON POLICY readable ON kolony.migrations IS 'anyone: see which migrations were applied';
CREATE POLICY ledger ON kolony.migrations TO kolony_owner USING (true) WITH CHECK (true);
GRANT SELECT ON kolony.migrations TO kolony_user;

-- RFC 9562 version 7: the first 48 bits are the time in milliseconds, so keys sort by age on every server version.
CREATE FUNCTION kolony.new_id() RETURNS uuid
LANGUAGE plpgsql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('server_version_num')::int >= 180000 THEN
        RETURN uuidv7();
    END IF;
    RETURN encode(
        overlay(
            set_byte(
                uuid_send(gen_random_uuid()), 6,
                (get_byte(uuid_send(gen_random_uuid()), 6) & 15) | 112)
            PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
            FROM 1 FOR 6),
        'hex')::uuid;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.new_id() TO kolony_api;

CREATE FUNCTION kolony.stamp_update() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

SET LOCAL ROLE kolony_api;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE FUNCTION kolony.schema_version() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(max(m.version), 0) FROM kolony.migrations m
$$;
GRANT EXECUTE ON FUNCTION kolony.schema_version() TO kolony_user, kolony_agents;
COMMENT ON FUNCTION kolony.schema_version() IS 'anyone: ask which version the schema has';

SET LOCAL ROLE kolony_roleadm;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

RESET ROLE;
