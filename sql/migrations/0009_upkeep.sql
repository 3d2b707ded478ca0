-- Upkeep: what has to be done from time to time, by whoever is there; and the watchdog over sessions that stand in the
-- way of others.

SET LOCAL ROLE kolony_owner;

-- Not whose program did it: everybody may look, and they may be of another workspace.
CREATE TABLE kolony.upkeep (
    job         text PRIMARY KEY CHECK (job ~ '^[a-z][a-z_]{0,62}$'),
    every       interval NOT NULL CHECK (every > interval '0'),
    last_began  timestamptz,
    last_ended  timestamptz,
    last_result jsonb
);
COMMENT ON COLUMN kolony.upkeep.last_result IS 'what it did, in counts; or the error that it ended with, under "error"';
SELECT kolony.protect('kolony.upkeep');
CREATE POLICY member ON kolony.upkeep FOR SELECT USING ((SELECT kolony.my_workspace_ids()) <> '{}');
GRANT SELECT ON kolony.upkeep TO kolony_user;

SET LOCAL ROLE kolony_api;

INSERT INTO kolony.upkeep (job, every) VALUES
    ('watchdog', '30 seconds'),
    ('settle', '1 minute'),
    ('seal_audit', '1 hour'),
    ('partitions', '6 hours'),
    ('retain_audit', '1 day');

-- For steps that are about no single workspace: a member of any, or somebody who holds the role in any.
CREATE FUNCTION kolony.require_role_anywhere(needed text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(kolony.my_workspace_ids()) w WHERE kolony.holds_role(w, needed)) THEN
        RAISE EXCEPTION 'this needs the role % in some workspace, in a READ COMMITTED transaction', needed
            USING ERRCODE = '42501', HINT = 'ask an admin';
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.require_role_anywhere(text) TO kolony_roleadm;

SET LOCAL ROLE kolony_roleadm;

-- How long a session may idle in a transaction, or not read what it is sent, before the watchdog ends it.
CREATE FUNCTION kolony.watchdog_patience() RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT interval '60 seconds'
$$;
GRANT EXECUTE ON FUNCTION kolony.watchdog_patience() TO kolony_user;
COMMENT ON FUNCTION kolony.watchdog_patience() IS 'anyone: ask how long a session may stand in others'' way';

-- Ends sessions of people and agents that stand in others' way: such a session holds the server's queue of notifications
-- and its old rows. Of a login that was made elsewhere this role sees nothing. A backup may take its time, the installer
-- and superusers too. Once the queue is half full, from where on hints are not sent any more,
-- it is enough to be in a transaction for so long, in whatever database: the queue is the whole server's. What a
-- listener is sent does not change its state, but Kolony's own ones say something every few seconds.
CREATE FUNCTION kolony.watchdog() RETURNS TABLE (login text, pid integer, why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before CONSTANT timestamptz := clock_timestamp() - kolony.watchdog_patience();
    crowded CONSTANT boolean := pg_notification_queue_usage() >= 0.5;
    found record;
    gone boolean;
BEGIN
    PERFORM kolony.require_role_anywhere('viewer');
    FOR found IN
        SELECT a.usename::text AS login, a.pid,
               CASE WHEN a.state_change < before AND a.state LIKE 'idle in transaction%' THEN 'idle in transaction'
                    WHEN a.state_change < before AND a.wait_event = 'ClientWrite' THEN 'does not read what it is sent'
                    ELSE 'holds the notification queue' END AS why
        FROM pg_stat_activity a
        WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
          AND (pg_has_role(a.usesysid, 'kolony_user', 'MEMBER') OR pg_has_role(a.usesysid, 'kolony_agents', 'MEMBER'))
          AND NOT pg_has_role(a.usesysid, 'kolony_backup', 'MEMBER')
          AND (a.state_change < before AND (a.datname = current_database() OR crowded)
               AND (a.state LIKE 'idle in transaction%' OR a.wait_event = 'ClientWrite')
               OR crowded AND a.xact_start < before)
        ORDER BY a.pid
    LOOP
        BEGIN
            -- With a wait: the queue moves on only when the session is really gone.
            gone := pg_terminate_backend(found.pid, 2000);
        EXCEPTION WHEN insufficient_privilege THEN
            gone := false;
        END;
        CONTINUE WHEN NOT gone;
        PERFORM kolony.note_ended_session(found.login, found.pid, found.why);
        RETURN QUERY SELECT found.login, found.pid, found.why;
    END LOOP;
    -- Asking is what makes the server give the space in the queue free.
    PERFORM pg_notification_queue_usage();
END
$$;
GRANT EXECUTE ON FUNCTION kolony.watchdog() TO kolony_user, kolony_api;
COMMENT ON FUNCTION kolony.watchdog() IS 'member: end sessions that have been standing in others'' way for a minute';

SET LOCAL ROLE kolony_api;

-- Writes into the audit log of each workspace that a session of this login was ended by the watchdog.
CREATE FUNCTION kolony.note_ended_session(of_login text, of_pid integer, because text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    facts CONSTANT jsonb := jsonb_build_object('sessions', 1, 'pid', of_pid, 'reason', because);
BEGIN
    PERFORM kolony.record_audit(m.workspace_id, 'SESSIONS_ENDED', of_login, facts)
    FROM kolony.profiles p JOIN kolony.memberships m USING (profile_id)
    WHERE p.login = of_login AND p.role_oid = to_regrole(quote_ident(of_login))::oid;
    PERFORM kolony.record_audit(t.workspace_id, 'SESSIONS_ENDED', t.token_hint, facts, t.agent_id)
    FROM kolony.agent_tokens t WHERE t.login = of_login;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.note_ended_session(text, integer, text) TO kolony_roleadm;

-- One job, whether it is due or not; answers with what it did.
CREATE FUNCTION kolony.do_upkeep(the_job text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted bigint;
BEGIN
    CASE the_job
        WHEN 'watchdog' THEN
            SELECT count(*) INTO counted FROM kolony.watchdog();
            RETURN jsonb_build_object('ended_sessions', counted);
        WHEN 'settle' THEN
            SELECT coalesce(sum(kolony.settle_lost(w.workspace_id, NULL)), 0) INTO counted FROM kolony.workspaces w;
            RETURN jsonb_build_object('settled_runs', counted);
        WHEN 'partitions' THEN
            PERFORM kolony.ensure_output_partition(month::date), kolony.ensure_audit_partition(month::date)
            FROM unnest(ARRAY[now(), now() + interval '1 month']) month;
            RETURN '{}';
        WHEN 'seal_audit' THEN
            SELECT coalesce(sum(kolony.seal_audit(w.workspace_id)), 0) INTO counted FROM kolony.workspaces w;
            RETURN jsonb_build_object('sealed_entries', counted);
        WHEN 'retain_audit' THEN
            RETURN kolony.retain_audit();
    END CASE;
END
$$;

-- Does what is due by the database's clock, each job once however many ask at the same moment; an admin may have it
-- done before. With a job's name, that one alone: programs call one after the other, so that no job keeps its locks
-- while the next one works. A job that fails is recorded with its error and holds up no other.
CREATE FUNCTION kolony.run_upkeep(even_if_not_due boolean DEFAULT false, only_job text DEFAULT NULL)
RETURNS TABLE (job text, ran boolean, result jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    each record;
    due boolean;
    began timestamptz;
    did jsonb;
BEGIN
    PERFORM kolony.require_role_anywhere(CASE WHEN even_if_not_due THEN 'admin' ELSE 'viewer' END);
    IF only_job IS NOT NULL AND NOT EXISTS (SELECT FROM kolony.upkeep u WHERE u.job = only_job) THEN
        RAISE EXCEPTION 'there is no job "%"', only_job USING ERRCODE = 'P0002', HINT = 'see kolony maintain';
    END IF;
    FOR each IN
        SELECT u.job, u.last_result FROM kolony.upkeep u WHERE u.job = coalesce(only_job, u.job) ORDER BY u.every, u.job
    LOOP
        PERFORM FROM kolony.upkeep u
        WHERE u.job = each.job
          AND (even_if_not_due OR u.last_began IS NULL OR u.last_began + u.every <= clock_timestamp())
        FOR UPDATE SKIP LOCKED;
        due := FOUND;
        IF NOT due THEN
            RETURN QUERY SELECT each.job, false, each.last_result;
            CONTINUE;
        END IF;
        began := clock_timestamp();
        BEGIN
            did := kolony.do_upkeep(each.job);
        EXCEPTION WHEN OTHERS THEN
            did := jsonb_build_object('error', SQLERRM, 'sqlstate', SQLSTATE);
        END;
        UPDATE kolony.upkeep u
        SET last_began = began, last_ended = clock_timestamp(), last_result = did
        WHERE u.job = each.job;
        RETURN QUERY SELECT each.job, true, did;
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.run_upkeep(boolean, text) TO kolony_user;
COMMENT ON FUNCTION kolony.run_upkeep(boolean, text) IS 'member: do the upkeep that is due';

RESET ROLE;
