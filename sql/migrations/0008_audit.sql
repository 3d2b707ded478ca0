-- The audit log: who did what, from where. Written by the database alone, added to and never changed, and removed by
-- nothing but retention (0012, where it is sealed as well).

SET LOCAL ROLE kolony_owner;

ALTER TABLE kolony.workspaces ADD COLUMN audit_days integer NOT NULL DEFAULT 30
    CONSTRAINT audit_is_kept_for_a_month CHECK (audit_days BETWEEN 30 AND 3650);

CREATE SEQUENCE kolony.audit_entries;

-- No foreign keys: an entry outlives what it tells of.
CREATE TABLE kolony.audit_log (
    workspace_id   uuid NOT NULL,
    entry_id       bigint NOT NULL,
    at             timestamptz NOT NULL,
    event          text NOT NULL CHECK (event ~ '^[A-Z][A-Z_]{1,40}$'),
    login          text NOT NULL,
    profile_id     uuid,
    client_address inet,
    application    text NOT NULL CHECK (length(application) <= 64),
    agent_id       uuid,
    command_id     uuid,
    run_id         uuid,
    subject        text CHECK (length(subject) <= 200),
    details        jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    PRIMARY KEY (workspace_id, entry_id, at)
) PARTITION BY RANGE (at);
COMMENT ON COLUMN kolony.audit_log.client_address IS 'null: a socket of the server''s own machine';
COMMENT ON COLUMN kolony.audit_log.application IS 'what the client claimed to be';

SELECT kolony.protect('kolony.audit_log');
REVOKE UPDATE, DELETE ON kolony.audit_log FROM kolony_api;
CREATE POLICY retention ON kolony.audit_log TO kolony_owner USING (true) WITH CHECK (false);
GRANT USAGE ON SEQUENCE kolony.audit_entries TO kolony_api;
GRANT SELECT ON SEQUENCE kolony.audit_entries TO kolony_backup;

-- Beside the grants, because they do not bind whoever owns a table. By row: only such a trigger is there in partitions.
CREATE FUNCTION kolony.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_user = 'kolony_owner' AND TG_OP = TG_ARGV[0] THEN -- only inside the functions of retention below
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = '42501', HINT = 'retention removes what is old';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON kolony.audit_log
    FOR EACH ROW EXECUTE FUNCTION kolony.refuse_change('DELETE');
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON kolony.audit_log EXECUTE FUNCTION kolony.refuse_change();

-- As with output: attached rather than created in place, with row security of its own, and reached through its parent.
CREATE FUNCTION kolony.ensure_audit_partition(for_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'audit_log_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.audit_log IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.audit_log INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('CREATE TRIGGER not_emptied BEFORE TRUNCATE ON kolony.%I EXECUTE FUNCTION kolony.refuse_change()',
        part);
    EXECUTE format('ALTER TABLE kolony.audit_log ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
        part, month::timestamptz, (month + interval '1 month')::timestamptz);
END
$$;
GRANT EXECUTE ON FUNCTION kolony.ensure_audit_partition(date) TO kolony_api;
SELECT kolony.ensure_audit_partition((now() AT TIME ZONE 'UTC')::date);
SELECT kolony.ensure_audit_partition((now() AT TIME ZONE 'UTC' + interval '1 month')::date);

SET LOCAL ROLE kolony_api;

-- Writes one entry about what the session just did. The caller has checked the rights; no client may call it.
CREATE FUNCTION kolony.record_audit(in_workspace uuid, what text, about text DEFAULT NULL, facts jsonb DEFAULT '{}',
    of_agent uuid DEFAULT NULL, of_command uuid DEFAULT NULL, of_run uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    utc timestamp := moment AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass('kolony.audit_log_' || to_char(utc, 'YYYY_MM')) IS NULL THEN
        PERFORM kolony.ensure_audit_partition(utc::date);
    END IF;
    -- Before the number is drawn: kolony.seal_entries takes whoever holds a number to be a transaction that shows.
    PERFORM pg_current_xact_id();
    INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, profile_id, client_address, application,
        agent_id, command_id, run_id, subject, details)
    VALUES (in_workspace, nextval('kolony.audit_entries'), moment, what, session_user, kolony.my_profile_id(),
        inet_client_addr(), "left"(current_setting('application_name'), 64), of_agent, of_command, of_run,
        "left"(about, 200), coalesce(facts, '{}'));
END
$$;

CREATE FUNCTION kolony.shortened(value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE jsonb_typeof(value) WHEN 'string' THEN to_jsonb("left"(value #>> '{}', 200)) ELSE value END
$$;

-- Of these columns, those that changed: {"name": {"before": "a", "after": "b"}}. Never a whole row: a new column would
-- come in by itself, and it may be a secret.
CREATE FUNCTION kolony.changed_facts(old_row jsonb, new_row jsonb, shown text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(c, jsonb_build_object('before', kolony.shortened(old_row -> c),
                                                           'after', kolony.shortened(new_row -> c))), '{}')
    FROM unnest(shown) c WHERE old_row -> c IS DISTINCT FROM new_row -> c
$$;

CREATE FUNCTION kolony.audit_membership() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.workspace_id ELSE NEW.workspace_id END;
    who text := (SELECT p.login FROM kolony.profiles p
                 WHERE p.profile_id = CASE TG_OP WHEN 'DELETE' THEN OLD.profile_id ELSE NEW.profile_id END);
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(home, 'USER_ADDED', who, jsonb_build_object('role', NEW.role));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM kolony.record_audit(home, 'USER_REMOVED', who, jsonb_build_object('role', OLD.role));
    ELSE
        IF NEW.role <> OLD.role THEN
            PERFORM kolony.record_audit(home, 'ROLE_CHANGED', who,
                kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['role']));
        END IF;
        IF NEW.disabled <> OLD.disabled THEN
            PERFORM kolony.record_audit(home, CASE WHEN NEW.disabled THEN 'USER_DISABLED' ELSE 'USER_ENABLED' END, who,
                jsonb_build_object('role', NEW.role));
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- A person is one for all of their workspaces, so each of them is told.
CREATE FUNCTION kolony.audit_profile() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.record_audit(m.workspace_id, 'PROFILE_CHANGED', NEW.login,
        kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['display_name', 'avatar']))
    FROM kolony.memberships m WHERE m.profile_id = NEW.profile_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.audit_workspace() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'WORKSPACE_CREATED', NEW.slug,
            jsonb_build_object('name', NEW.name, 'admits_viewers', NEW.admits_viewers));
        RETURN NULL;
    END IF;
    changed := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['slug', 'name', 'admits_viewers',
        'heartbeat_seconds', 'lease_seconds', 'backoff_seconds', 'audit_days', 'plan', 'max_members', 'max_agents',
        'max_waiting_runs']);
    IF changed <> '{}' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'WORKSPACE_CHANGED', NEW.slug, changed);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.audit_agent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
    hidden text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CREATED', NEW.name,
            jsonb_build_object('type', NEW.type, 'category', NEW.category), NEW.agent_id);
        RETURN NULL;
    END IF;
    IF NEW.desired <> OLD.desired THEN
        PERFORM kolony.record_audit(NEW.workspace_id,
            CASE NEW.desired WHEN 'paused' THEN 'AGENT_PAUSED' WHEN 'retired' THEN 'AGENT_RETIRED'
                             ELSE 'AGENT_RESUMED' END, NEW.name,
            jsonb_build_object('before', OLD.desired, 'reason', "left"(NEW.desired_why, 200)), NEW.agent_id);
    END IF;
    changed := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['name', 'type', 'category', 'icon']);
    -- That these changed, and no more: they are long, and a config may hold a password.
    FOREACH hidden IN ARRAY ARRAY['description', 'instructions', 'config'] LOOP
        IF to_jsonb(OLD) -> hidden IS DISTINCT FROM to_jsonb(NEW) -> hidden THEN
            changed := changed || jsonb_build_object(hidden, 'changed');
        END IF;
    END LOOP;
    IF changed <> '{}' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CHANGED', NEW.name, changed, NEW.agent_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.audit_token() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    facts jsonb := jsonb_build_object('label', NEW.label, 'agent',
        (SELECT a.name FROM kolony.agents a WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id));
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'TOKEN_ISSUED', NEW.token_hint,
            facts || jsonb_build_object('expires_at', NEW.expires_at), NEW.agent_id);
        RETURN NULL;
    END IF;
    IF OLD.token_active AND NOT NEW.token_active THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'TOKEN_REVOKED', NEW.token_hint, facts, NEW.agent_id);
    END IF;
    IF NEW.expires_at IS DISTINCT FROM OLD.expires_at THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'TOKEN_EXPIRY_CHANGED', NEW.token_hint,
            facts || kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['expires_at']), NEW.agent_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.audit_agent_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_name text := (SELECT a.name FROM kolony.agents a
                      WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id);
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CONNECT', its_name, jsonb_build_object('host', NEW.host,
            'pid', NEW.pid, 'version', NEW.version, 'adapter', NEW.adapter), NEW.agent_id);
    ELSE
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_DISCONNECT', its_name, jsonb_build_object('host', NEW.host,
            'pid', NEW.pid, 'reason', "left"(NEW.end_reason, 200), 'error', NEW.end_error), NEW.agent_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.audit_command() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.record_audit(NEW.workspace_id, TG_ARGV[0], '#' || NEW.number,
        CASE TG_ARGV[0]
            WHEN 'COMMAND_COMPLETED' THEN
                jsonb_build_object('outcome', NEW.outcome, 'agents', cardinality(NEW.targets))
            WHEN 'COMMAND_EDITED' THEN
                jsonb_build_object('priority', NEW.priority, 'text', NEW.title, 'text_before', OLD.title)
            ELSE jsonb_build_object('priority', NEW.priority, 'text', NEW.title, 'agents', cardinality(NEW.targets)) END,
        NULL, NEW.command_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.audit_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about text := (SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || NEW.ordinal ELSE '' END
                   FROM kolony.commands c WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id);
BEGIN
    IF OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_CANCELLED', about,
            jsonb_build_object('reason', "left"(NEW.cancel_why, 200), 'at_once', NEW.outcome IS NOT NULL),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF OLD.outcome IS NOT NULL AND NEW.outcome IS NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_RETRIED', about, jsonb_build_object('before', OLD.outcome),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF NEW.priority <> OLD.priority THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_PRIORITY_CHANGED', about,
            kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['priority']),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.audit_time_limit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.record_audit(NEW.workspace_id, 'TIME_LIMIT_EXCEEDED', '#' || c.number,
        jsonb_build_object('attempt', NEW.number, 'time_limit_ms', c.time_limit_ms),
        NEW.agent_id, c.command_id, NEW.run_id)
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id AND c.time_limit_ms IS NOT NULL;
    RETURN NULL;
END
$$;

-- A person's program says that it starts and that it ends; nothing is noted when it is killed. The verbs of the command
-- line do not say it: what they do is recorded, with the login.
CREATE FUNCTION kolony.note_login(in_workspace uuid, claimed_version text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    PERFORM kolony.record_audit(in_workspace, 'USER_LOGIN', session_user::text,
        jsonb_build_object('version', "left"(claimed_version, 100)));
END
$$;

CREATE FUNCTION kolony.note_logout(in_workspace uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    PERFORM kolony.record_audit(in_workspace, 'USER_LOGOUT', session_user::text);
END
$$;

CREATE FUNCTION kolony.set_audit_retention(in_workspace uuid, days integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF days IS NULL OR days NOT BETWEEN 30 AND 3650 THEN
        RAISE EXCEPTION 'the audit log is kept for 30 to 3650 days' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w SET audit_days = days WHERE w.workspace_id = in_workspace;
    PERFORM kolony.hint(in_workspace, 'people:*');
END
$$;

CREATE FUNCTION kolony.audited_workspace_ids() RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT m.workspace_id FROM kolony.memberships m
                 WHERE m.profile_id = kolony.my_profile_id() AND NOT m.disabled AND m.role = 'admin');
END
$$;

COMMENT ON FUNCTION kolony.note_login(uuid, text) IS 'member: note in the audit log that you came';
COMMENT ON FUNCTION kolony.note_logout(uuid) IS 'member: note in the audit log that you left';
COMMENT ON FUNCTION kolony.set_audit_retention(uuid, integer) IS 'admin: say for how many days the audit log is kept';
COMMENT ON FUNCTION kolony.audited_workspace_ids() IS 'anyone: ask where you may read the whole audit log';
GRANT EXECUTE ON FUNCTION kolony.note_login(uuid, text), kolony.note_logout(uuid),
    kolony.set_audit_retention(uuid, integer), kolony.audited_workspace_ids() TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.audited_workspace_ids() TO kolony_backup;
GRANT EXECUTE ON FUNCTION kolony.record_audit(uuid, text, text, jsonb, uuid, uuid, uuid) TO kolony_roleadm;
GRANT EXECUTE ON FUNCTION kolony.audit_membership(), kolony.audit_profile(), kolony.audit_workspace(),
    kolony.audit_agent(), kolony.audit_token(), kolony.audit_agent_session(), kolony.audit_command(),
    kolony.audit_run(), kolony.audit_time_limit() TO kolony_owner;

SET LOCAL ROLE kolony_owner;

-- By row and with a condition: what machines do in volume (beats, claims, attempts) is told apart without a call.
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF role, disabled ON kolony.memberships
    FOR EACH ROW EXECUTE FUNCTION kolony.audit_membership();
CREATE TRIGGER audit AFTER UPDATE OF display_name, avatar ON kolony.profiles
    FOR EACH ROW WHEN (OLD.display_name <> NEW.display_name OR OLD.avatar <> NEW.avatar)
    EXECUTE FUNCTION kolony.audit_profile();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON kolony.workspaces
    FOR EACH ROW EXECUTE FUNCTION kolony.audit_workspace();
CREATE TRIGGER audit AFTER INSERT OR UPDATE ON kolony.agents
    FOR EACH ROW EXECUTE FUNCTION kolony.audit_agent();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OF token_active, expires_at ON kolony.agent_tokens
    FOR EACH ROW EXECUTE FUNCTION kolony.audit_token();
CREATE TRIGGER audit_connect AFTER INSERT ON kolony.agent_sessions
    FOR EACH ROW EXECUTE FUNCTION kolony.audit_agent_session();
CREATE TRIGGER audit_disconnect AFTER UPDATE OF ended_at ON kolony.agent_sessions
    FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION kolony.audit_agent_session();
CREATE TRIGGER audit_drafted AFTER INSERT ON kolony.commands
    FOR EACH ROW WHEN (NEW.submitted_at IS NULL) EXECUTE FUNCTION kolony.audit_command('COMMAND_DRAFTED');
CREATE TRIGGER audit_sent AFTER INSERT ON kolony.commands
    FOR EACH ROW WHEN (NEW.submitted_at IS NOT NULL) EXECUTE FUNCTION kolony.audit_command('COMMAND_SENT');
CREATE TRIGGER audit_edited AFTER UPDATE OF content, priority ON kolony.commands
    FOR EACH ROW WHEN (OLD.content <> NEW.content OR OLD.priority <> NEW.priority)
    EXECUTE FUNCTION kolony.audit_command('COMMAND_EDITED');
CREATE TRIGGER audit_submitted AFTER UPDATE OF submitted_at ON kolony.commands
    FOR EACH ROW WHEN (OLD.submitted_at IS NULL AND NEW.submitted_at IS NOT NULL)
    EXECUTE FUNCTION kolony.audit_command('COMMAND_SUBMITTED');
CREATE TRIGGER audit_completed AFTER UPDATE OF outcome ON kolony.commands
    FOR EACH ROW WHEN (NEW.outcome IS NOT NULL AND OLD.outcome IS DISTINCT FROM NEW.outcome)
    EXECUTE FUNCTION kolony.audit_command('COMMAND_COMPLETED');
CREATE TRIGGER audit AFTER UPDATE OF cancel_at, outcome, priority ON kolony.runs
    FOR EACH ROW WHEN (OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL
                       OR OLD.outcome IS NOT NULL AND NEW.outcome IS NULL OR OLD.priority <> NEW.priority)
    EXECUTE FUNCTION kolony.audit_run();
CREATE TRIGGER audit AFTER UPDATE OF outcome ON kolony.attempts
    FOR EACH ROW WHEN (NEW.outcome = 'failed' AND OLD.outcome IS NULL AND NEW.error LIKE 'time limit of %')
    EXECUTE FUNCTION kolony.audit_time_limit();

CREATE POLICY reader ON kolony.audit_log FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.audited_workspace_ids())::uuid[])
           OR workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[])
              AND profile_id = (SELECT kolony.my_profile_id()));
COMMENT ON POLICY reader ON kolony.audit_log IS 'viewer: see in the audit log what you did; an admin sees all of it';
GRANT SELECT ON kolony.audit_log TO kolony_user;

RESET ROLE;
