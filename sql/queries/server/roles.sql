DO $$
DECLARE
    installer CONSTANT name := :'installer';
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'kolony_owner', 'kolony_api', 'kolony_roleadm', 'kolony_user', 'kolony_agents', 'kolony_backup'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    -- The installer becomes these for the length of a migration, and inherits nothing from them meanwhile.
    FOREACH wanted IN ARRAY ARRAY['kolony_owner', 'kolony_api', 'kolony_roleadm', 'kolony_backup'] LOOP
        IF current_setting('server_version_num')::int >= 160000 THEN
            EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', wanted, installer);
        ELSE
            EXECUTE format('GRANT %I TO %I', wanted, installer);
        END IF;
    END LOOP;
    EXECUTE format('GRANT kolony_user TO %I', installer);
    -- The login that all agents share, where each cannot have one of its own.
    IF to_regrole('kolony_agent') IS NULL THEN
        CREATE ROLE kolony_agent LOGIN IN ROLE kolony_agents;
    END IF;
END
$$;
