-- Retention: for how long what is kept, legal holds, output in an archive, and the jobs that see to all of it.
--
-- Whoever removes anything first shares the workspace's row of keeping, which a hold takes for itself: a hold that has
-- been placed holds everything that was there at that moment.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.retention_kinds (
    kind     text PRIMARY KEY CHECK (kind ~ '^[a-z][a-z_]{0,40}$'),
    place    smallint NOT NULL UNIQUE,
    title    text NOT NULL,
    about    text NOT NULL,
    standard integer NOT NULL,
    least    integer NOT NULL,
    most     integer NOT NULL,
    forever  text
);
COMMENT ON COLUMN kolony.retention_kinds.standard IS 'days, where a workspace says nothing';
COMMENT ON COLUMN kolony.retention_kinds.forever IS 'what no number of days is called; null: there is always one';

CREATE TABLE kolony.retention_settings (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    kind         text NOT NULL REFERENCES kolony.retention_kinds,
    days         integer CHECK (days BETWEEN 0 AND 36500),
    set_by       uuid REFERENCES kolony.profiles,
    set_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, kind)
);
CREATE INDEX retention_settings_by_kind ON kolony.retention_settings (kind);
CREATE INDEX retention_settings_by_setter ON kolony.retention_settings (set_by);

CREATE TABLE kolony.keeping (
    workspace_id uuid PRIMARY KEY REFERENCES kolony.workspaces,
    location     text CHECK (length(location) BETWEEN 1 AND 1000),
    set_by       uuid REFERENCES kolony.profiles,
    set_at       timestamptz
);
COMMENT ON COLUMN kolony.keeping.location IS 'where output is archived: file:///a/folder or s3://bucket/prefix; null: nowhere';
CREATE INDEX keeping_by_setter ON kolony.keeping (set_by);

CREATE TABLE kolony.legal_holds (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    hold_id      uuid NOT NULL DEFAULT kolony.new_id(),
    scope        text NOT NULL CHECK (scope IN ('workspace', 'agent', 'command', 'run')),
    subject_id   uuid,
    reason       text NOT NULL CHECK (reason ~ '\S' AND length(reason) <= 1000),
    placed_by    uuid NOT NULL REFERENCES kolony.profiles,
    placed_at    timestamptz NOT NULL DEFAULT now(),
    lifted_by    uuid REFERENCES kolony.profiles,
    lifted_at    timestamptz,
    PRIMARY KEY (workspace_id, hold_id),
    CONSTRAINT held_subject CHECK ((scope = 'workspace') = (subject_id IS NULL)),
    CONSTRAINT lifted_by_somebody CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE INDEX legal_holds_active ON kolony.legal_holds (workspace_id, scope, subject_id) WHERE lifted_at IS NULL;
CREATE INDEX legal_holds_by_placer ON kolony.legal_holds (placed_by);
CREATE INDEX legal_holds_by_lifter ON kolony.legal_holds (lifted_by) WHERE lifted_by IS NOT NULL;

-- An attempt's output that is not, or not only, in output_chunks. taken: somebody writes it to the archive; restored: it
-- is in both; restoring: seen by nobody, for it never commits.
CREATE TABLE kolony.output_archives (
    workspace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    attempt      integer NOT NULL CHECK (attempt > 0),
    state        text NOT NULL CHECK (state IN ('taken', 'archived', 'restoring', 'restored', 'removing', 'removed')),
    output_day   date NOT NULL,
    finished_at  timestamptz NOT NULL,
    location     text,
    object       text CHECK (length(object) <= 300),
    stale        text[] NOT NULL DEFAULT '{}',
    host         text NOT NULL DEFAULT '' CHECK (length(host) <= 255),
    sha256       text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    object_bytes bigint CHECK (object_bytes > 0),
    digest       bytea CHECK (length(digest) = 32),
    chunk_count  bigint,
    byte_count   bigint,
    line_count   bigint,
    words        tsvector,
    words_cut    boolean NOT NULL DEFAULT false,
    ticket       uuid,
    taken_until  timestamptz,
    archived_at  timestamptz,
    archived_by  uuid REFERENCES kolony.profiles,
    restored_at  timestamptz,
    restored_by  uuid REFERENCES kolony.profiles,
    removed_at   timestamptz,
    PRIMARY KEY (workspace_id, run_id, attempt),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    CONSTRAINT taken_for_a_time CHECK ((state IN ('taken', 'removing')) = (taken_until IS NOT NULL)),
    CONSTRAINT archived_is_proved CHECK (state NOT IN ('archived', 'restored')
        OR num_nulls(location, object, sha256, object_bytes, digest, chunk_count, archived_at) = 0)
);
COMMENT ON COLUMN kolony.output_archives.stale IS 'objects that may be left of who took it before and never came back';
COMMENT ON COLUMN kolony.output_archives.digest IS 'kolony.output_digest of its rows: the same before, in the object and after';
COMMENT ON COLUMN kolony.output_archives.words_cut IS 'it has more different words than are kept to be found by';
CREATE INDEX output_archives_due ON kolony.output_archives (workspace_id, finished_at)
    WHERE state IN ('archived', 'restored', 'removing');
CREATE INDEX output_archives_words ON kolony.output_archives USING gin (words) WHERE words IS NOT NULL;
CREATE INDEX output_archives_by_archiver ON kolony.output_archives (archived_by) WHERE archived_by IS NOT NULL;
CREATE INDEX output_archives_by_restorer ON kolony.output_archives (restored_by) WHERE restored_by IS NOT NULL;

-- What only a program can do, for one workspace: the archive. Its last time, and how far it is.
CREATE TABLE kolony.workspace_jobs (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    job          text NOT NULL CHECK (job IN ('archive')),
    last_began   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL,
    last_ended   timestamptz,
    by_profile   uuid NOT NULL REFERENCES kolony.profiles,
    host         text NOT NULL CHECK (length(host) <= 255),
    done         bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
    total        bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
    last_result  jsonb,
    PRIMARY KEY (workspace_id, job)
);
CREATE INDEX workspace_jobs_by_profile ON kolony.workspace_jobs (by_profile);

CREATE TABLE kolony.upkeep_history (
    job    text NOT NULL REFERENCES kolony.upkeep,
    began  timestamptz NOT NULL,
    ended  timestamptz NOT NULL,
    result jsonb NOT NULL,
    PRIMARY KEY (job, began)
);
ALTER TABLE kolony.upkeep ADD COLUMN done_before bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN kolony.upkeep.done_before IS 'what a job that takes several turns has done in this round';

CREATE TABLE kolony.stale_agents (
    workspace_id uuid NOT NULL,
    agent_id     uuid NOT NULL,
    told_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, agent_id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
);
COMMENT ON TABLE kolony.stale_agents IS 'agents that have not been seen for long, of which admins were told';

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.retention_kinds', 'kolony.retention_settings', 'kolony.keeping',
    'kolony.legal_holds', 'kolony.output_archives', 'kolony.workspace_jobs', 'kolony.upkeep_history',
    'kolony.stale_agents']::regclass[]) t;
CREATE POLICY member ON kolony.retention_kinds FOR SELECT USING ((SELECT kolony.my_workspace_ids()) <> '{}');
CREATE POLICY member ON kolony.upkeep_history FOR SELECT USING ((SELECT kolony.my_workspace_ids()) <> '{}');
CREATE POLICY member ON kolony.retention_settings FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.keeping FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.legal_holds FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.output_archives FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.workspace_jobs FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.stale_agents FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.retention_kinds, kolony.retention_settings, kolony.keeping, kolony.legal_holds,
    kolony.workspace_jobs, kolony.upkeep_history, kolony.stale_agents TO kolony_user;
-- Without the ticket, by which its taker is known.
GRANT SELECT (workspace_id, run_id, attempt, state, output_day, finished_at, location, object, host, sha256, object_bytes,
    digest, chunk_count, byte_count, line_count, words, words_cut, taken_until, archived_at, archived_by, restored_at,
    restored_by, removed_at) ON kolony.output_archives TO kolony_user;

-- Who drops a month looks itself whether anything is in it.
CREATE POLICY retention ON kolony.output_chunks FOR SELECT TO kolony_owner USING (true);
CREATE POLICY retention ON kolony.trace_entries FOR SELECT TO kolony_owner USING (true);

-- For how long it is kept, of each kind; of the audit log as 0008 has it.
CREATE VIEW kolony.retention_overview WITH (security_invoker = true) AS
SELECT w.workspace_id, k.kind, k.place, k.title, k.about,
       CASE WHEN k.kind = 'audit' THEN w.audit_days WHEN s.kind IS NULL THEN k.standard ELSE s.days END AS days,
       k.standard, k.least, k.most, k.forever, p.login AS set_by, s.set_at
FROM kolony.workspaces w CROSS JOIN kolony.retention_kinds k
LEFT JOIN kolony.retention_settings s ON s.workspace_id = w.workspace_id AND s.kind = k.kind
LEFT JOIN kolony.profiles p ON p.profile_id = s.set_by;

CREATE VIEW kolony.hold_overview WITH (security_invoker = true) AS
SELECT h.workspace_id, h.hold_id, h.scope, h.subject_id,
       CASE h.scope
           WHEN 'workspace' THEN (SELECT w.slug FROM kolony.workspaces w WHERE w.workspace_id = h.workspace_id)
           WHEN 'agent' THEN (SELECT a.name FROM kolony.agents a
                              WHERE a.workspace_id = h.workspace_id AND a.agent_id = h.subject_id)
           WHEN 'command' THEN (SELECT '#' || c.number FROM kolony.commands c
                                WHERE c.workspace_id = h.workspace_id AND c.command_id = h.subject_id)
           ELSE (SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END
                 FROM kolony.runs r JOIN kolony.commands c
                   ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
                 WHERE r.workspace_id = h.workspace_id AND r.run_id = h.subject_id) END AS subject,
       h.reason, p.login AS placed_by, h.placed_at, l.login AS lifted_by, h.lifted_at
FROM kolony.legal_holds h
LEFT JOIN kolony.profiles p ON p.profile_id = h.placed_by
LEFT JOIN kolony.profiles l ON l.profile_id = h.lifted_by;
GRANT SELECT ON kolony.retention_overview, kolony.hold_overview TO kolony_user, kolony_api;

-- Drops a month of output, of the trace or of events: with whatever is in it, or only where nothing is. Whether it may go is what
-- the caller has found out, holding off holds. Waits a second at most: while it waits, every writer does.
CREATE FUNCTION kolony.drop_month(of_table text, of_month date, with_rows boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' SET lock_timeout = '1s' AS $$
DECLARE
    part CONSTANT text := of_table || '_' || to_char(of_month, 'YYYY_MM');
    in_use boolean;
BEGIN
    IF of_table NOT IN ('output_chunks', 'trace_entries', 'events') OR of_month >= date_trunc('month', now())::date
       OR to_regclass('kolony.' || part) IS NULL
    THEN
        RETURN false;
    END IF;
    EXECUTE format('LOCK TABLE kolony.%I IN ACCESS EXCLUSIVE MODE', of_table);
    IF NOT with_rows THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM kolony.%1$I WHERE %2$I >= %3$L AND %2$I < %4$L)', of_table,
            CASE of_table WHEN 'events' THEN 'at' ELSE 'day' END, of_month, (of_month + interval '1 month')::date)
            INTO in_use;
        IF in_use THEN
            RETURN false;
        END IF;
    END IF;
    EXECUTE format('DROP TABLE kolony.%I', part);
    RETURN true;
END
$$;

-- Removes up to so many events of a workspace that are older. Whether they may go is what the caller has found out.
CREATE FUNCTION kolony.remove_events(home uuid, before timestamptz, up_to integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    gone integer;
BEGIN
    DELETE FROM kolony.events e USING (
        SELECT o.xid, o.event_id, o.at FROM kolony.events o
        WHERE o.workspace_id = home AND o.at < before ORDER BY o.at, o.event_id LIMIT up_to) old
    WHERE e.workspace_id = home AND e.xid = old.xid AND e.event_id = old.event_id AND e.at = old.at;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

-- What autovacuum has not come to: statistics of tables that changed much, and of partitioned ones, which it leaves out.
CREATE FUNCTION kolony.analyze_tables() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    found record;
    analyzed integer := 0;
    worst record;
BEGIN
    FOR found IN
        SELECT c.relname FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
        WHERE c.relnamespace = 'kolony'::regnamespace AND c.relkind IN ('r', 'p')
          AND pg_has_role(c.relowner, 'USAGE')
          AND CASE c.relkind
                WHEN 'p' THEN coalesce(s.last_analyze, '-infinity') < now() - interval '20 hours'
                ELSE s.n_mod_since_analyze > 1000 + s.n_live_tup / 5 END
        ORDER BY c.relname LIMIT 200
    LOOP
        BEGIN
            EXECUTE format('ANALYZE kolony.%I', found.relname);
            analyzed := analyzed + 1;
        EXCEPTION WHEN lock_not_available OR undefined_table THEN
            NULL; -- somebody is at it, or it was dropped
        END;
    END LOOP;
    SELECT s.relname, s.n_dead_tup AS dead, s.n_live_tup AS live INTO worst FROM pg_stat_user_tables s
    WHERE s.schemaname = 'kolony' ORDER BY s.n_dead_tup DESC, s.relname LIMIT 1;
    RETURN jsonb_build_object('analyzed_tables', analyzed, 'dead_rows',
        (SELECT coalesce(sum(s.n_dead_tup), 0) FROM pg_stat_user_tables s WHERE s.schemaname = 'kolony'))
        || CASE WHEN worst.dead > 100000 AND worst.dead > worst.live
               THEN jsonb_build_object('needs_vacuum', worst.relname) ELSE '{}' END;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.drop_month(text, date, boolean), kolony.remove_events(uuid, timestamptz, integer),
    kolony.analyze_tables() TO kolony_api;

SET LOCAL ROLE kolony_api;

INSERT INTO kolony.retention_kinds (kind, place, title, about, standard, least, most, forever) VALUES
    ('archive', 1, 'Archived after', 'output, where an archive is set; from the end of its run', 30, 0, 3650, 'never'),
    ('output', 2, 'Output', 'in the database and in the archive', 90, 1, 36500, 'forever'),
    ('restored', 3, 'Restored copy', 'then only the archive has it again', 7, 1, 3650, 'forever'),
    ('traces', 4, 'Traces', 'prompts, thoughts and tools of agents', 90, 1, 36500, 'forever'),
    ('artifacts', 5, 'Artifacts', 'their contents; names and sizes stay', 90, 1, 36500, 'forever'),
    ('usage', 6, 'Usage detail', 'the sums by run and by day stay', 180, 1, 36500, 'forever'),
    ('events', 7, 'Events', 'what the timeline shows', 90, 1, 36500, 'forever'),
    ('notifications', 8, 'Notifications', 'or shorter, as each one says', 90, 1, 3650, 'forever'),
    ('deliveries', 9, 'Deliveries', 'of webhooks, once they have ended', 30, 1, 3650, 'forever'),
    ('folders', 10, 'Work folders', 'records of those that were removed', 90, 1, 36500, 'forever'),
    ('audit', 11, 'Audit log', 'its seals stay', 30, 30, 3650, NULL),
    ('stale_agents', 12, 'Stale agents', 'admins are told; nothing is retired', 14, 1, 3650, 'never');

-- An upgrade removes nothing: what was kept without end so far is, until an admin says otherwise.
INSERT INTO kolony.retention_settings (workspace_id, kind, days)
SELECT w.workspace_id, k.kind, NULL FROM kolony.workspaces w CROSS JOIN kolony.retention_kinds k
WHERE k.kind IN ('output', 'traces', 'artifacts', 'usage', 'folders');

INSERT INTO kolony.notification_kinds (kind, place, about, audience, channels, enabled) VALUES
    ('agent_stale', 9, 'an agent has not been seen for days', 'admins', '{}', true);

-- Days of a kind in a workspace; null: without end.
CREATE FUNCTION kolony.kept_for(home uuid, of_kind text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT o.days FROM kolony.retention_overview o WHERE o.workspace_id = home AND o.kind = of_kind);
END
$$;

-- Before when something is old: never, where it is kept without end.
CREATE FUNCTION kolony.old_before(home uuid, of_kind text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(now() - make_interval(days => kolony.kept_for(home, of_kind)), '-infinity');
END
$$;

-- Until the end of the transaction no hold is placed; whoever places one waits.
CREATE FUNCTION kolony.hold_off_holds(home uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM kolony.keeping k WHERE k.workspace_id = home FOR SHARE;
    IF NOT FOUND THEN
        INSERT INTO kolony.keeping (workspace_id) VALUES (home) ON CONFLICT (workspace_id) DO NOTHING;
        PERFORM FROM kolony.keeping k WHERE k.workspace_id = home FOR SHARE;
    END IF;
END
$$;

CREATE FUNCTION kolony.is_held(home uuid, the_run uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.legal_holds h WHERE h.workspace_id = home AND h.lifted_at IS NULL) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM kolony.legal_holds h
        LEFT JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = the_run
        WHERE h.workspace_id = home AND h.lifted_at IS NULL
          AND (h.scope = 'workspace' OR h.subject_id IN (r.run_id, r.command_id, r.agent_id)));
END
$$;

-- Whether anything of a workspace is held; ``wholly``: all of it.
CREATE FUNCTION kolony.has_holds(home uuid, wholly boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM kolony.legal_holds h WHERE h.workspace_id = home AND h.lifted_at IS NULL
                   AND (NOT wholly OR h.scope = 'workspace'));
END
$$;

-- Says for how many days something is kept; null: without end, where that may be.
CREATE FUNCTION kolony.set_retention(in_workspace uuid, of_kind text, new_days integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its kolony.retention_kinds;
    before integer;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT * INTO its FROM kolony.retention_kinds k WHERE k.kind = of_kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nothing that is kept for a time is called "%"', "left"(of_kind, 80) USING ERRCODE = 'P0002',
            HINT = format('there are %s', (SELECT string_agg(k.kind, ', ' ORDER BY k.place) FROM kolony.retention_kinds k));
    END IF;
    IF new_days NOT BETWEEN its.least AND its.most OR new_days IS NULL AND its.forever IS NULL THEN
        RAISE EXCEPTION '"%" is % to % days%', of_kind, its.least, its.most, coalesce(', or ' || its.forever, '')
            USING ERRCODE = '22023';
    END IF;
    IF of_kind = 'audit' THEN
        PERFORM kolony.set_audit_retention(in_workspace, new_days);
        RETURN;
    END IF;
    PERFORM kolony.hold_off_holds(in_workspace);
    IF of_kind IN ('archive', 'output') AND (CASE of_kind
        WHEN 'archive' THEN new_days >= kolony.kept_for(in_workspace, 'output')
        ELSE new_days <= kolony.kept_for(in_workspace, 'archive') END)
    THEN
        RAISE EXCEPTION 'output would be removed before it is archived' USING ERRCODE = '22023',
            HINT = format('now it is archived after %s days and kept for %s',
                coalesce(kolony.kept_for(in_workspace, 'archive')::text, 'never'),
                coalesce(kolony.kept_for(in_workspace, 'output')::text, 'ever'));
    END IF;
    before := kolony.kept_for(in_workspace, of_kind);
    INSERT INTO kolony.retention_settings (workspace_id, kind, days, set_by)
    VALUES (in_workspace, of_kind, new_days, kolony.my_profile_id())
    ON CONFLICT (workspace_id, kind) DO UPDATE SET days = EXCLUDED.days, set_by = EXCLUDED.set_by, set_at = now();
    PERFORM kolony.record_audit(in_workspace, 'RETENTION_CHANGED', of_kind,
        jsonb_build_object('before', before, 'after', new_days));
    PERFORM kolony.hint(in_workspace, 'people:*');
END
$$;

-- Where output goes; null: nowhere any more. What is archived already stays where it is.
CREATE FUNCTION kolony.set_archive(in_workspace uuid, new_location text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_location !~ '^(file:///|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|\?|$))' OR length(new_location) > 1000
       OR new_location ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'an archive is file:///a/folder or s3://bucket/prefix' USING ERRCODE = '22023';
    END IF;
    IF new_location ~* '^s3://[^/?]*@|[?&][^=&]*(secret|password|token|key)[^=&]*=' THEN
        RAISE EXCEPTION 'credentials of an archive are not kept in the database' USING ERRCODE = '22023',
            HINT = 'they come from the environment (AWS_ACCESS_KEY_ID, ...) or the keyring';
    END IF;
    SELECT k.location INTO before FROM kolony.keeping k WHERE k.workspace_id = in_workspace;
    INSERT INTO kolony.keeping AS k (workspace_id, location, set_by, set_at)
    VALUES (in_workspace, new_location, kolony.my_profile_id(), now())
    ON CONFLICT (workspace_id) DO UPDATE SET location = EXCLUDED.location, set_by = EXCLUDED.set_by,
        set_at = EXCLUDED.set_at;
    PERFORM kolony.record_audit(in_workspace, 'ARCHIVE_SET', NULL, jsonb_build_object('before', before,
        'after', new_location));
    PERFORM kolony.hint(in_workspace, 'people:*');
END
$$;

-- Nothing of the subject (null: of the workspace) is archived away or removed from now on.
CREATE FUNCTION kolony.place_hold(in_workspace uuid, on_scope text, on_subject uuid, because text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF because IS NULL OR because !~ '\S' OR length(because) > 1000 THEN
        RAISE EXCEPTION 'a hold has a reason, of 1 to 1000 characters' USING ERRCODE = '22023';
    END IF;
    IF on_scope IS NULL OR on_scope NOT IN ('workspace', 'agent', 'command', 'run') THEN
        RAISE EXCEPTION 'a workspace, an agent, a command or a run is held' USING ERRCODE = '22023';
    END IF;
    IF on_scope = 'workspace' AND on_subject IS NOT NULL OR on_scope <> 'workspace' AND NOT (CASE on_scope
        WHEN 'agent' THEN EXISTS (SELECT FROM kolony.agents a
                                  WHERE a.workspace_id = in_workspace AND a.agent_id = on_subject)
        WHEN 'command' THEN EXISTS (SELECT FROM kolony.commands c
                                    WHERE c.workspace_id = in_workspace AND c.command_id = on_subject)
        ELSE EXISTS (SELECT FROM kolony.runs r WHERE r.workspace_id = in_workspace AND r.run_id = on_subject) END)
    THEN
        RAISE EXCEPTION 'there is no such % here', on_scope USING ERRCODE = 'P0002';
    END IF;
    INSERT INTO kolony.keeping (workspace_id) VALUES (in_workspace) ON CONFLICT (workspace_id) DO NOTHING;
    PERFORM FROM kolony.keeping k WHERE k.workspace_id = in_workspace FOR UPDATE;
    INSERT INTO kolony.legal_holds (workspace_id, scope, subject_id, reason, placed_by)
    VALUES (in_workspace, on_scope, on_subject, because, kolony.my_profile_id()) RETURNING hold_id INTO made;
    -- An object that is being removed at this moment cannot be held any more, so the hold waits for it.
    IF EXISTS (SELECT FROM kolony.output_archives a WHERE a.workspace_id = in_workspace AND a.state = 'removing'
               AND a.taken_until > clock_timestamp() AND kolony.is_held(in_workspace, a.run_id))
    THEN
        RAISE EXCEPTION 'some of its output is being removed at this moment' USING ERRCODE = '55000',
            HINT = 'place the hold again in a minute';
    END IF;
    UPDATE kolony.output_archives a SET state = 'archived', ticket = NULL, taken_until = NULL
    WHERE a.workspace_id = in_workspace AND a.state = 'removing' AND kolony.is_held(in_workspace, a.run_id);
    PERFORM kolony.record_audit(in_workspace, 'HOLD_PLACED', on_scope, jsonb_build_object('hold_id', made,
        'reason', "left"(because, 200)), CASE on_scope WHEN 'agent' THEN on_subject END,
        CASE on_scope WHEN 'command' THEN on_subject END, CASE on_scope WHEN 'run' THEN on_subject END);
    PERFORM kolony.hint(in_workspace, CASE on_scope WHEN 'run' THEN 'run:' || on_subject ELSE 'people:*' END);
    RETURN made;
END
$$;

CREATE FUNCTION kolony.lift_hold(the_hold uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hold kolony.legal_holds;
BEGIN
    SELECT * INTO hold FROM kolony.legal_holds h
    WHERE h.hold_id = the_hold AND h.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such hold here' USING ERRCODE = 'P0002', HINT = 'see kolony retention holds';
    END IF;
    PERFORM kolony.require_role(hold.workspace_id, 'admin');
    UPDATE kolony.legal_holds h SET lifted_at = now(), lifted_by = kolony.my_profile_id()
    WHERE h.workspace_id = hold.workspace_id AND h.hold_id = the_hold AND h.lifted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the hold was lifted before' USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.record_audit(hold.workspace_id, 'HOLD_LIFTED', hold.scope, jsonb_build_object('hold_id', the_hold,
        'reason', "left"(hold.reason, 200)), CASE hold.scope WHEN 'agent' THEN hold.subject_id END,
        CASE hold.scope WHEN 'command' THEN hold.subject_id END, CASE hold.scope WHEN 'run' THEN hold.subject_id END);
    PERFORM kolony.hint(hold.workspace_id, CASE hold.scope WHEN 'run' THEN 'run:' || hold.subject_id ELSE 'people:*' END);
END
$$;

-- The archive. Who takes an attempt writes its output to an object of its own name, reads that back, and finishes with
-- the digest of what it read: the database compares it with its rows, and only then lets them go. Who never comes back
-- loses its ticket after five minutes, and the next one begins anew under another name.

-- Chunks of an attempt as one digest: of each its number, stream, time (microseconds), first line, lines and bytes.
CREATE FUNCTION kolony.output_digest(home uuid, the_run uuid, the_attempt integer, on_day date, OUT digest bytea,
    OUT chunks bigint, OUT bytes bigint, OUT lines bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT sha256(coalesce(string_agg(sha256(int4send(c.seq) || convert_to(c.stream, 'UTF8') || '\x00'
               || int8send((extract(epoch FROM c.at) * 1000000)::bigint) || int8send(c.first_line)
               || int4send(c.line_count) || c.data), '' ORDER BY c.seq), '')),
           count(*), coalesce(sum(length(c.data)), 0), coalesce(sum(c.line_count), 0)
    INTO digest, chunks, bytes, lines
    FROM kolony.output_chunks c
    WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = the_attempt AND c.day = on_day;
END
$$;

-- Takes the next attempt behind this one whose output is due for the archive; no row: there is none.
CREATE FUNCTION kolony.take_archive(in_workspace uuid, on_host text, after_run uuid DEFAULT NULL,
    after_attempt integer DEFAULT 0)
RETURNS TABLE (run_id uuid, attempt integer, output_day date, location text, object text, ticket uuid, stale text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    cutoff CONSTANT timestamptz := kolony.old_before(in_workspace, 'archive');
    place text;
    each record;
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.hold_off_holds(in_workspace);
    SELECT k.location INTO place FROM kolony.keeping k WHERE k.workspace_id = in_workspace;
    IF place IS NULL THEN
        RETURN;
    END IF;
    FOR each IN
        SELECT DISTINCT c.run_id, c.attempt, c.day FROM kolony.output_chunks c
        WHERE c.workspace_id = in_workspace AND c.day <= cutoff::date + 1
          AND (c.run_id, c.attempt) > (coalesce(after_run, '00000000-0000-0000-0000-000000000000'), after_attempt)
        ORDER BY c.run_id, c.attempt, c.day
    LOOP
        CONTINUE WHEN kolony.is_held(in_workspace, each.run_id);
        made := gen_random_uuid();
        INSERT INTO kolony.output_archives AS a (workspace_id, run_id, attempt, state, output_day, finished_at, location,
            object, host, ticket, taken_until)
        SELECT in_workspace, r.run_id, each.attempt, 'taken', each.day, r.finished_at, place,
            format('%s/%s/%s.%s.%s', in_workspace, to_char(each.day, 'YYYY/MM'), r.run_id, each.attempt,
                replace(made::text, '-', '')), "left"(coalesce(on_host, ''), 255), made,
            clock_timestamp() + interval '5 minutes'
        FROM kolony.runs r
        WHERE r.workspace_id = in_workspace AND r.run_id = each.run_id AND r.finished_at < cutoff
        ON CONFLICT (workspace_id, run_id, attempt) DO UPDATE SET location = EXCLUDED.location, object = EXCLUDED.object,
            finished_at = EXCLUDED.finished_at, host = EXCLUDED.host, ticket = EXCLUDED.ticket,
            taken_until = EXCLUDED.taken_until, stale = a.stale || a.object
        WHERE a.state = 'taken' AND a.taken_until < clock_timestamp();
        IF FOUND THEN
            RETURN QUERY SELECT a.run_id, a.attempt, a.output_day, a.location, a.object, a.ticket, a.stale
            FROM kolony.output_archives a
            WHERE a.workspace_id = in_workspace AND a.run_id = each.run_id AND a.attempt = each.attempt;
            RETURN;
        END IF;
    END LOOP;
END
$$;

-- How many attempts are due for the archive, held ones left out; counts up to 10,000.
CREATE FUNCTION kolony.count_archive(in_workspace uuid) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cutoff CONSTANT timestamptz := kolony.old_before(in_workspace, 'archive');
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN (
        SELECT count(*) FROM (
            SELECT FROM (SELECT DISTINCT c.run_id, c.attempt FROM kolony.output_chunks c
                         WHERE c.workspace_id = in_workspace AND c.day <= cutoff::date + 1) c
            JOIN kolony.runs r ON r.workspace_id = in_workspace AND r.run_id = c.run_id AND r.finished_at < cutoff
            LEFT JOIN kolony.output_archives a
              ON a.workspace_id = in_workspace AND a.run_id = c.run_id AND a.attempt = c.attempt
            WHERE (a.run_id IS NULL OR a.state = 'taken') AND NOT kolony.is_held(in_workspace, c.run_id)
            LIMIT 10000) due);
END
$$;

-- The row that this ticket is for, locked; whoever came too late is refused.
CREATE FUNCTION kolony.archive_for_step(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid,
    in_state text) RETURNS kolony.output_archives
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its kolony.output_archives;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.hold_off_holds(in_workspace);
    SELECT * INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'that output is not on its way to the archive' USING ERRCODE = 'P0002';
    END IF;
    IF its.state <> in_state OR its.ticket IS DISTINCT FROM the_ticket THEN
        RAISE EXCEPTION 'somebody else has taken that output since' USING ERRCODE = '55000';
    END IF;
    RETURN its;
END
$$;

-- Its taker is still at it.
CREATE FUNCTION kolony.extend_archive(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'taken');
    UPDATE kolony.output_archives a SET taken_until = clock_timestamp() + interval '5 minutes'
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
END
$$;

-- The object is there and was read back: what of it is kept to be found by, and its rows go.
CREATE FUNCTION kolony.finish_archive(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid,
    object_sha256 text, object_size bigint, rows_digest bytea, new_words text[], cut boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    its kolony.output_archives := kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'taken');
    found record;
BEGIN
    IF kolony.is_held(in_workspace, the_run) THEN
        RAISE EXCEPTION 'a legal hold keeps that output where it is' USING ERRCODE = '55000',
            HINT = 'see kolony retention holds';
    END IF;
    IF object_sha256 IS NULL OR object_sha256 !~ '^[0-9a-f]{64}$' OR coalesce(object_size, 0) <= 0
       OR coalesce(cardinality(new_words), 0) > 20000
    THEN
        RAISE EXCEPTION 'an object has a SHA-256, a size and at most 20,000 words' USING ERRCODE = '22023';
    END IF;
    SELECT * INTO found FROM kolony.output_digest(in_workspace, the_run, the_attempt, its.output_day);
    IF found.chunks = 0 OR found.digest IS DISTINCT FROM rows_digest THEN
        RAISE EXCEPTION 'what is in the archive is not what is in the database' USING ERRCODE = '55000',
            HINT = 'it is archived again';
    END IF;
    UPDATE kolony.output_archives a SET state = 'archived', sha256 = object_sha256, object_bytes = object_size,
        digest = found.digest, chunk_count = found.chunks, byte_count = found.bytes, line_count = found.lines,
        words = array_to_tsvector(ARRAY(SELECT DISTINCT w FROM unnest(new_words) w WHERE w ~ '^\w{2,64}$')),
        words_cut = coalesce(cut, false), ticket = NULL, taken_until = NULL, archived_at = clock_timestamp(),
        archived_by = kolony.my_profile_id(), restored_at = NULL, restored_by = NULL
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    DELETE FROM kolony.output_chunks c WHERE c.workspace_id = in_workspace AND c.run_id = the_run
        AND c.attempt = the_attempt AND c.day = its.output_day;
    PERFORM kolony.hint(in_workspace, 'run:' || the_run);
END
$$;

-- Its taker gives it back; another one may try at once. ``swept``: objects that are gone for sure.
CREATE FUNCTION kolony.give_archive_back(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'taken');
    UPDATE kolony.output_archives a SET taken_until = clock_timestamp(), ticket = NULL
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
END
$$;

-- The objects of these names, left by who never came back, are gone.
CREATE FUNCTION kolony.note_swept(in_workspace uuid, the_run uuid, the_attempt integer, swept text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    UPDATE kolony.output_archives a
    SET stale = ARRAY(SELECT s FROM unnest(a.stale) s WHERE s <> ALL (coalesce(swept, '{}')))
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
END
$$;

-- Puts chunks of archived output back. In one transaction with finish_restore, which proves them: without it nothing of
-- this commits, so nobody can put in what was never there.
CREATE FUNCTION kolony.restore_output(in_workspace uuid, the_run uuid, the_attempt integer, seqs integer[],
    streams text[], ats timestamptz[], first_lines bigint[], line_counts integer[], datas bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    its kolony.output_archives;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    SELECT * INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt FOR UPDATE;
    IF its.state IS NULL OR its.state NOT IN ('archived', 'restoring') THEN
        RAISE EXCEPTION 'that output is not in the archive' USING ERRCODE = '55000', HINT = 'see kolony retention archived';
    END IF;
    IF its.state = 'archived' THEN
        PERFORM kolony.ensure_output_partition(its.output_day);
        UPDATE kolony.output_archives a SET state = 'restoring'
        WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    END IF;
    INSERT INTO kolony.output_chunks (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
    SELECT in_workspace, the_run, the_attempt, c.seq, its.output_day, c.stream, c.at, c.first_line, c.line_count, c.data
    FROM unnest(seqs, streams, ats, first_lines, line_counts, datas)
        AS c (seq, stream, at, first_line, line_count, data);
END
$$;

CREATE FUNCTION kolony.finish_restore(in_workspace uuid, the_run uuid, the_attempt integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    its kolony.output_archives;
    found record;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    SELECT * INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt FOR UPDATE;
    IF its.state IS DISTINCT FROM 'restoring' THEN
        RAISE EXCEPTION 'that output is not being restored' USING ERRCODE = '55000';
    END IF;
    SELECT * INTO found FROM kolony.output_digest(in_workspace, the_run, the_attempt, its.output_day);
    IF found.digest IS DISTINCT FROM its.digest THEN
        RAISE EXCEPTION 'what the archive gave is not what was put into it' USING ERRCODE = '55000',
            HINT = 'the object was changed or damaged';
    END IF;
    UPDATE kolony.output_archives a SET state = 'restored', restored_at = clock_timestamp(),
        restored_by = kolony.my_profile_id()
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    PERFORM kolony.record_audit(in_workspace, 'OUTPUT_RESTORED', NULL, jsonb_build_object('attempt', the_attempt,
        'bytes', found.bytes), NULL, NULL, the_run);
    PERFORM kolony.hint(in_workspace, 'run:' || the_run);
    PERFORM kolony.hint(in_workspace, 'output:' || the_run);
END
$$;

CREATE FUNCTION kolony.refuse_half_restored() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM kolony.output_archives a WHERE a.workspace_id = NEW.workspace_id AND a.run_id = NEW.run_id
               AND a.attempt = NEW.attempt AND a.state = 'restoring')
    THEN
        RAISE EXCEPTION 'restored output is proved in the same transaction, or not at all' USING ERRCODE = '55000',
            HINT = 'call kolony.finish_restore before the commit';
    END IF;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.refuse_half_restored() TO kolony_owner;

-- Takes the next archived output that has been kept for long enough: its restored copy goes at once, its object is the
-- caller's to remove, who then says so by finish_removal.
CREATE FUNCTION kolony.take_removal(in_workspace uuid)
RETURNS TABLE (run_id uuid, attempt integer, location text, objects text[], ticket uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    cutoff CONSTANT timestamptz := kolony.old_before(in_workspace, 'output');
    its kolony.output_archives;
    made CONSTANT uuid := gen_random_uuid();
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.hold_off_holds(in_workspace);
    SELECT a.* INTO its FROM kolony.output_archives a
    WHERE a.workspace_id = in_workspace AND a.finished_at < cutoff AND a.state IN ('archived', 'restored', 'removing')
      AND coalesce(a.taken_until, '-infinity') < clock_timestamp() AND NOT kolony.is_held(in_workspace, a.run_id)
    ORDER BY a.finished_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM kolony.output_chunks c WHERE c.workspace_id = in_workspace AND c.run_id = its.run_id
        AND c.attempt = its.attempt AND c.day = its.output_day;
    UPDATE kolony.output_archives a SET state = 'removing', ticket = made,
        taken_until = clock_timestamp() + interval '1 minute'
    WHERE a.workspace_id = in_workspace AND a.run_id = its.run_id AND a.attempt = its.attempt;
    RETURN QUERY SELECT its.run_id, its.attempt, its.location, its.stale || its.object, made;
END
$$;

CREATE FUNCTION kolony.finish_removal(in_workspace uuid, the_run uuid, the_attempt integer, the_ticket uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.archive_for_step(in_workspace, the_run, the_attempt, the_ticket, 'removing');
    UPDATE kolony.output_archives a SET state = 'removed', removed_at = clock_timestamp(), words = NULL, stale = '{}',
        ticket = NULL, taken_until = NULL
    WHERE a.workspace_id = in_workspace AND a.run_id = the_run AND a.attempt = the_attempt;
    PERFORM kolony.hint(in_workspace, 'run:' || the_run);
END
$$;

-- A program begins with a workspace's archive, is still at it, or has ended.
CREATE FUNCTION kolony.begin_job(in_workspace uuid, the_job text, on_host text, in_total bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    INSERT INTO kolony.workspace_jobs AS j (workspace_id, job, last_began, last_seen, by_profile, host, total)
    VALUES (in_workspace, the_job, clock_timestamp(), clock_timestamp(), kolony.my_profile_id(),
        "left"(coalesce(on_host, ''), 255), in_total)
    ON CONFLICT (workspace_id, job) DO UPDATE SET last_began = EXCLUDED.last_began, last_seen = EXCLUDED.last_seen,
        last_ended = NULL, by_profile = EXCLUDED.by_profile, host = EXCLUDED.host, total = EXCLUDED.total, done = 0;
    PERFORM kolony.hint(in_workspace, 'upkeep:*');
END
$$;

CREATE FUNCTION kolony.note_job(in_workspace uuid, the_job text, so_far bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    UPDATE kolony.workspace_jobs j SET done = so_far, total = greatest(j.total, so_far), last_seen = clock_timestamp()
    WHERE j.workspace_id = in_workspace AND j.job = the_job;
    PERFORM kolony.hint(in_workspace, 'upkeep:*');
END
$$;

CREATE FUNCTION kolony.end_job(in_workspace uuid, the_job text, its_result jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF jsonb_typeof(its_result) IS DISTINCT FROM 'object' OR octet_length(its_result::text) > 4000 THEN
        RAISE EXCEPTION 'a result is a small JSON object' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspace_jobs j SET last_ended = clock_timestamp(), last_seen = clock_timestamp(),
        last_result = its_result
    WHERE j.workspace_id = in_workspace AND j.job = the_job;
    IF coalesce((its_result ->> 'archived')::bigint, 0) + coalesce((its_result ->> 'removed')::bigint, 0) > 0 THEN
        PERFORM kolony.record_audit(in_workspace, 'OUTPUT_ARCHIVED', NULL, its_result);
    END IF;
    PERFORM kolony.hint(in_workspace, 'upkeep:*');
END
$$;

-- The jobs of the database itself. Each does so much at a time, and says "more" where there is more to do.

-- Output: restored copies whose time is over, and what is too old and in no archive.
CREATE FUNCTION kolony.retain_output(home uuid, up_to integer, OUT copies integer, OUT attempts integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'output');
    each record;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    copies := 0;
    attempts := 0;
    FOR each IN
        SELECT a.run_id, a.attempt, a.output_day FROM kolony.output_archives a
        WHERE a.workspace_id = home AND a.state = 'restored' AND a.restored_at < kolony.old_before(home, 'restored')
          AND NOT kolony.is_held(home, a.run_id)
        LIMIT up_to FOR UPDATE SKIP LOCKED
    LOOP
        DELETE FROM kolony.output_chunks c WHERE c.workspace_id = home AND c.run_id = each.run_id
            AND c.attempt = each.attempt AND c.day = each.output_day;
        UPDATE kolony.output_archives a SET state = 'archived', restored_at = NULL, restored_by = NULL
        WHERE a.workspace_id = home AND a.run_id = each.run_id AND a.attempt = each.attempt;
        copies := copies + 1;
    END LOOP;
    FOR each IN
        SELECT DISTINCT c.run_id, c.attempt, c.day, r.finished_at FROM kolony.output_chunks c
        JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = c.run_id AND r.finished_at < too_old
        LEFT JOIN kolony.output_archives a ON a.workspace_id = home AND a.run_id = c.run_id AND a.attempt = c.attempt
        WHERE c.workspace_id = home AND c.day <= too_old::date + 1
          AND (a.run_id IS NULL OR a.state = 'taken' AND a.taken_until < clock_timestamp())
          AND NOT kolony.is_held(home, c.run_id)
        LIMIT up_to - copies
    LOOP
        INSERT INTO kolony.output_archives AS a (workspace_id, run_id, attempt, state, output_day, finished_at, removed_at)
        VALUES (home, each.run_id, each.attempt, 'removed', each.day, each.finished_at, clock_timestamp())
        ON CONFLICT (workspace_id, run_id, attempt) DO UPDATE SET state = 'removed', removed_at = EXCLUDED.removed_at,
            ticket = NULL, taken_until = NULL
        WHERE a.state = 'taken' AND a.taken_until < clock_timestamp();
        CONTINUE WHEN NOT FOUND;
        DELETE FROM kolony.output_chunks c WHERE c.workspace_id = home AND c.run_id = each.run_id
            AND c.attempt = each.attempt AND c.day = each.day;
        attempts := attempts + 1;
    END LOOP;
END
$$;

CREATE FUNCTION kolony.retain_traces(home uuid, up_to integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'traces');
    attempts integer := 0;
    each record;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    FOR each IN
        SELECT DISTINCT t.run_id, t.attempt, t.day FROM kolony.trace_entries t
        JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = t.run_id AND r.finished_at < too_old
        WHERE t.workspace_id = home AND t.day <= too_old::date + 1 AND NOT kolony.is_held(home, t.run_id)
        LIMIT up_to
    LOOP
        DELETE FROM kolony.trace_entries t WHERE t.workspace_id = home AND t.run_id = each.run_id
            AND t.attempt = each.attempt AND t.day = each.day;
        attempts := attempts + 1;
    END LOOP;
    RETURN attempts;
END
$$;

CREATE FUNCTION kolony.retain_artifacts(home uuid, up_to integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'artifacts');
    gone integer;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    WITH due AS (
        SELECT a.artifact_id FROM kolony.artifacts a
        JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = a.run_id AND r.finished_at < too_old
        WHERE a.workspace_id = home AND a.kept_at IS NOT NULL AND a.created_at < too_old
          AND NOT kolony.is_held(home, a.run_id)
        ORDER BY a.artifact_id LIMIT up_to FOR NO KEY UPDATE OF a SKIP LOCKED),
    parts AS (
        DELETE FROM kolony.artifact_parts p USING due WHERE p.workspace_id = home AND p.artifact_id = due.artifact_id)
    UPDATE kolony.artifacts a SET kept_at = NULL,
        why_not = format('its content was removed by retention on %s', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'))
    FROM due WHERE a.workspace_id = home AND a.artifact_id = due.artifact_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

CREATE FUNCTION kolony.retain_usage(home uuid, up_to integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    too_old CONSTANT timestamptz := kolony.old_before(home, 'usage');
    gone integer;
BEGIN
    PERFORM kolony.hold_off_holds(home);
    DELETE FROM kolony.usage_reports u USING (
        SELECT o.attempt_id, o.number FROM kolony.usage_reports o
        JOIN kolony.attempts t ON t.workspace_id = home AND t.attempt_id = o.attempt_id AND t.ended_at < too_old
        WHERE o.workspace_id = home AND o.at < too_old AND NOT kolony.is_held(home, o.run_id)
        LIMIT up_to) old
    WHERE u.workspace_id = home AND u.attempt_id = old.attempt_id AND u.number = old.number;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END
$$;

-- What has no owner any more: parts of files that were never stored whole, records of folders that are gone.
CREATE FUNCTION kolony.remove_orphans(home uuid, up_to integer, OUT parts integer, OUT folders integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.hold_off_holds(home);
    DELETE FROM kolony.artifact_parts p USING (
        SELECT p.artifact_id, p.part FROM kolony.artifact_parts p
        JOIN kolony.artifacts a ON a.workspace_id = home AND a.artifact_id = p.artifact_id
        JOIN kolony.attempts t ON t.workspace_id = home AND t.attempt_id = a.attempt_id
        WHERE p.workspace_id = home AND a.kept_at IS NULL AND t.ended_at < now() - interval '1 day'
          AND NOT kolony.is_held(home, a.run_id)
        LIMIT up_to) old
    WHERE p.workspace_id = home AND p.artifact_id = old.artifact_id AND p.part = old.part;
    GET DIAGNOSTICS parts = ROW_COUNT;
    DELETE FROM kolony.work_folders f USING (
        SELECT o.run_id FROM kolony.work_folders o
        WHERE o.workspace_id = home AND o.state = 'removed' AND o.seen_at < kolony.old_before(home, 'folders')
          AND NOT kolony.is_held(home, o.run_id)
        LIMIT up_to) old
    WHERE f.workspace_id = home AND f.run_id = old.run_id;
    GET DIAGNOSTICS folders = ROW_COUNT;
END
$$;

CREATE OR REPLACE FUNCTION kolony.retain_notifications() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home uuid;
    gone integer;
    notes integer := 0;
    deliveries integer := 0;
BEGIN
    FOR home IN SELECT w.workspace_id FROM kolony.workspaces w ORDER BY 1 LOOP
        PERFORM kolony.hold_off_holds(home);
        CONTINUE WHEN kolony.has_holds(home, true);
        DELETE FROM kolony.notifications n WHERE n.workspace_id = home
            AND (n.expires_at < now() OR n.last_at < kolony.old_before(home, 'notifications'));
        GET DIAGNOSTICS gone = ROW_COUNT;
        notes := notes + gone;
        DELETE FROM kolony.webhook_deliveries d
        WHERE d.workspace_id = home AND d.ended_at < kolony.old_before(home, 'deliveries');
        GET DIAGNOSTICS gone = ROW_COUNT;
        deliveries := deliveries + gone;
    END LOOP;
    RETURN jsonb_build_object('removed_notifications', notes, 'removed_deliveries', deliveries);
END
$$;

-- As 0012 has it; where anything is held, the workspace's whole log stays.
CREATE OR REPLACE FUNCTION kolony.retain_audit() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    longest integer := (SELECT max(w.audit_days) FROM kolony.workspaces w);
    part date;
    gone record;
    counts jsonb := '{}';
    months integer := 0;
BEGIN
    PERFORM kolony.ensure_audit_partition((now() + interval '1 month')::date);
    PERFORM kolony.hold_off_holds(w.workspace_id) FROM (SELECT workspace_id FROM kolony.workspaces ORDER BY 1) w;
    FOR part IN
        SELECT to_date("right"(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'kolony.audit_log'::regclass
          AND to_date("right"(c.relname, 7), 'YYYY_MM') + interval '1 month' <= now() - make_interval(days => longest)
          AND NOT EXISTS (SELECT FROM kolony.workspaces w WHERE kolony.has_holds(w.workspace_id))
        ORDER BY 1
    LOOP
        BEGIN
            FOR gone IN SELECT * FROM kolony.remove_audit_month(part) LOOP
                counts := counts || jsonb_build_object(gone.workspace_id,
                    coalesce((counts ->> gone.workspace_id::text)::bigint, 0) + gone.entries);
            END LOOP;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- somebody reads for long, a backup perhaps: next time
        END;
        months := months + (to_regclass('kolony.audit_log_' || to_char(part, 'YYYY_MM')) IS NULL)::integer;
    END LOOP;
    FOR gone IN
        SELECT s.workspace_id, kolony.remove_sealed_entries(s.workspace_id, s.number) AS entries
        FROM kolony.audit_seals s JOIN kolony.workspaces w USING (workspace_id)
        WHERE s.removed_at IS NULL AND s.to_at < now() - make_interval(days => w.audit_days)
          AND NOT kolony.has_holds(w.workspace_id)
        ORDER BY s.workspace_id, s.number LIMIT 5000
    LOOP
        counts := counts || jsonb_build_object(gone.workspace_id,
            coalesce((counts ->> gone.workspace_id::text)::bigint, 0) + gone.entries);
    END LOOP;
    PERFORM kolony.record_audit(c.key::uuid, 'AUDIT_RETAINED', NULL, jsonb_build_object('entries', c.value))
    FROM jsonb_each(counts) c;
    RETURN jsonb_build_object('months', months,
        'entries', (SELECT coalesce(sum(c.value::bigint), 0) FROM jsonb_each_text(counts) c));
END
$$;

-- One turn of removing what is old, in every workspace: {"removed_...": n, "more": true}.
CREATE FUNCTION kolony.retain(what text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at_once CONSTANT integer := 500;
    home uuid;
    did jsonb;
    total jsonb := '{}';
    more boolean := false;
    pair record;
    found record;
BEGIN
    FOR home IN SELECT w.workspace_id FROM kolony.workspaces w ORDER BY 1 LOOP
        CASE what
            WHEN 'output' THEN
                SELECT * INTO found FROM kolony.retain_output(home, at_once);
                did := jsonb_build_object('removed_outputs', found.attempts, 'removed_copies', found.copies);
            WHEN 'traces' THEN did := jsonb_build_object('removed_traces', kolony.retain_traces(home, at_once));
            WHEN 'artifacts' THEN
                did := jsonb_build_object('removed_artifacts', kolony.retain_artifacts(home, at_once));
            WHEN 'usage' THEN did := jsonb_build_object('removed_reports', kolony.retain_usage(home, at_once * 10));
            WHEN 'events' THEN
                PERFORM kolony.hold_off_holds(home);
                did := jsonb_build_object('removed_events', CASE WHEN kolony.has_holds(home) THEN 0
                    ELSE kolony.remove_events(home, kolony.old_before(home, 'events'), at_once * 20) END);
            WHEN 'orphans' THEN
                SELECT * INTO found FROM kolony.remove_orphans(home, at_once);
                did := jsonb_build_object('removed_parts', found.parts, 'removed_folders', found.folders);
        END CASE;
        IF EXISTS (SELECT FROM jsonb_each_text(did) d WHERE d.value::bigint > 0) THEN
            PERFORM kolony.record_audit(home, 'RETENTION_APPLIED', what, did);
        END IF;
        FOR pair IN SELECT * FROM jsonb_each_text(did) LOOP
            total := total || jsonb_build_object(pair.key, coalesce((total ->> pair.key)::bigint, 0) + pair.value::bigint);
            more := more OR pair.value::bigint >= at_once;
        END LOOP;
    END LOOP;
    RETURN CASE WHEN more THEN total || '{"more": true}' ELSE total END;
END
$$;

-- Drops past months: whole ones, where everybody's time for all that is in them is over and nothing is held; else those
-- in which nothing is left.
CREATE FUNCTION kolony.drop_past_months(of_table text, of_kind text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cutoff CONSTANT timestamptz := (SELECT min(kolony.old_before(w.workspace_id, of_kind)) FROM kolony.workspaces w);
    part date;
    month_end date;
    whole boolean;
    dropped integer := 0;
BEGIN
    PERFORM kolony.hold_off_holds(w.workspace_id) FROM (SELECT workspace_id FROM kolony.workspaces ORDER BY 1) w;
    FOR part IN
        SELECT to_date("right"(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = ('kolony.' || of_table)::regclass AND c.relname ~ '_\d{4}_\d\d$'
          AND to_date("right"(c.relname, 7), 'YYYY_MM') < date_trunc('month', now()) - interval '1 month'
        ORDER BY 1
    LOOP
        month_end := (part + interval '1 month')::date;
        whole := month_end < cutoff AND NOT EXISTS (SELECT FROM kolony.legal_holds h WHERE h.lifted_at IS NULL)
            AND (of_table = 'events' OR NOT EXISTS (
                SELECT FROM kolony.attempts t JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
                WHERE t.output_day >= part AND t.output_day < month_end
                  AND (r.finished_at IS NULL OR r.finished_at >= cutoff)));
        IF whole AND of_table = 'output_chunks' THEN
            whole := NOT EXISTS (SELECT FROM kolony.output_archives a WHERE a.output_day >= part
                AND a.output_day < month_end AND (a.state = 'restored' OR a.taken_until > clock_timestamp()));
        END IF;
        BEGIN
            IF whole AND of_table = 'output_chunks' THEN
                INSERT INTO kolony.output_archives AS a (workspace_id, run_id, attempt, state, output_day, finished_at,
                    removed_at)
                SELECT t.workspace_id, t.run_id, t.number, 'removed', t.output_day, r.finished_at, clock_timestamp()
                FROM kolony.attempts t JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
                WHERE t.output_day >= part AND t.output_day < month_end AND coalesce(t.chunk_count, 1) > 0
                ON CONFLICT (workspace_id, run_id, attempt) DO UPDATE SET state = 'removed', ticket = NULL,
                    taken_until = NULL, removed_at = EXCLUDED.removed_at
                WHERE a.state = 'taken';
            END IF;
            dropped := dropped + kolony.drop_month(of_table, part, whole)::integer;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- somebody reads for long, a backup perhaps: next time
        END;
    END LOOP;
    RETURN dropped;
END
$$;

-- This month and the two ahead of everything that is kept by months; and what is past goes.
CREATE FUNCTION kolony.keep_months() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    ahead date;
    dropped integer;
BEGIN
    FOR ahead IN SELECT (date_trunc('month', now()) + make_interval(months => n))::date FROM generate_series(0, 2) n LOOP
        PERFORM kolony.ensure_output_partition(ahead), kolony.ensure_audit_partition(ahead),
            kolony.ensure_trace_partition(ahead), kolony.ensure_event_partition(ahead);
    END LOOP;
    dropped := kolony.drop_past_months('trace_entries', 'traces') + kolony.drop_past_months('output_chunks', 'output')
        + kolony.drop_past_months('events', 'events');
    RETURN jsonb_build_object('dropped_months', dropped);
END
$$;

-- Tells admins of agents that have not been seen for long, once each time that they stay away.
CREATE FUNCTION kolony.find_stale_agents() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home uuid;
    since timestamptz;
    names text[];
    told integer := 0;
BEGIN
    FOR home IN SELECT w.workspace_id FROM kolony.workspaces w ORDER BY 1 LOOP
        since := kolony.old_before(home, 'stale_agents');
        DELETE FROM kolony.stale_agents s WHERE s.workspace_id = home AND NOT EXISTS (
            SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = s.agent_id
              AND a.desired <> 'retired' AND NOT EXISTS (
                  SELECT FROM kolony.agent_sessions e WHERE e.workspace_id = home AND e.agent_id = a.agent_id
                    AND e.last_seen >= since));
        WITH fresh AS (
            INSERT INTO kolony.stale_agents (workspace_id, agent_id)
            SELECT home, a.agent_id FROM kolony.agents a
            WHERE a.workspace_id = home AND a.desired <> 'retired' AND a.created_at < since
              AND NOT EXISTS (SELECT FROM kolony.agent_sessions e WHERE e.workspace_id = home
                              AND e.agent_id = a.agent_id AND e.last_seen >= since)
            ON CONFLICT DO NOTHING RETURNING agent_id)
        SELECT array_agg(a.name ORDER BY a.name) INTO names
        FROM fresh f JOIN kolony.agents a ON a.workspace_id = home AND a.agent_id = f.agent_id;
        CONTINUE WHEN names IS NULL;
        told := told + cardinality(names);
        PERFORM kolony.notify_people(home, 'agent_stale', 'low', CASE cardinality(names)
                WHEN 1 THEN format('%s has not been seen for %s days', names[1], kolony.kept_for(home, 'stale_agents'))
                ELSE format('%s agents have not been seen for %s days', cardinality(names),
                    kolony.kept_for(home, 'stale_agents')) END,
            array_to_string(names[1:20], ', ') || CASE WHEN cardinality(names) > 20 THEN ', ...' ELSE '' END
                || '; retire what is not needed any more', jsonb_build_object('agents', to_jsonb(names[1:20])));
    END LOOP;
    RETURN jsonb_build_object('stale_agents', told);
END
$$;

INSERT INTO kolony.upkeep (job, every) VALUES
    ('retain_output', '1 day'),
    ('retain_traces', '1 day'),
    ('retain_artifacts', '1 day'),
    ('retain_usage', '1 day'),
    ('retain_events', '1 day'),
    ('orphans', '1 day'),
    ('stale_agents', '1 day'),
    ('analyze', '6 hours');

CREATE OR REPLACE FUNCTION kolony.do_upkeep(the_job text) RETURNS jsonb
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
            RETURN kolony.keep_months();
        WHEN 'seal_audit' THEN
            SELECT coalesce(sum(kolony.seal_audit(w.workspace_id)), 0) INTO counted FROM kolony.workspaces w;
            RETURN jsonb_build_object('sealed_entries', counted);
        WHEN 'retain_audit' THEN
            RETURN kolony.retain_audit();
        WHEN 'hand_out' THEN
            RETURN kolony.hand_out_everywhere();
        WHEN 'retain_notes' THEN
            RETURN kolony.retain_notifications();
        WHEN 'retain_output', 'retain_traces', 'retain_artifacts', 'retain_usage', 'retain_events' THEN
            RETURN kolony.retain(substr(the_job, 8));
        WHEN 'orphans' THEN
            RETURN kolony.retain(the_job);
        WHEN 'stale_agents' THEN
            RETURN kolony.find_stale_agents();
        WHEN 'analyze' THEN
            RETURN kolony.analyze_tables();
    END CASE;
END
$$;

-- Writes down how a job ended: the last 20 times of each at which it did something, failed, or is rare.
CREATE FUNCTION kolony.note_upkeep(the_job text, since timestamptz, did jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rare CONSTANT boolean := (SELECT u.every >= interval '1 hour' FROM kolony.upkeep u WHERE u.job = the_job);
BEGIN
    IF NOT rare AND NOT did ? 'error' AND NOT EXISTS (SELECT FROM jsonb_each_text(did) d WHERE d.value <> '0') THEN
        RETURN;
    END IF;
    INSERT INTO kolony.upkeep_history (job, began, ended, result) VALUES (the_job, since, clock_timestamp(), did)
    ON CONFLICT (job, began) DO NOTHING;
    DELETE FROM kolony.upkeep_history h WHERE h.job = the_job AND h.began < (
        SELECT min(n.began) FROM (SELECT o.began FROM kolony.upkeep_history o WHERE o.job = the_job
                                  ORDER BY o.began DESC LIMIT 20) n);
    IF rare OR did ? 'error' THEN
        PERFORM kolony.hint(w.workspace_id, 'upkeep:*') FROM kolony.workspaces w;
    END IF;
END
$$;

-- As 0009 has it; a job that says "more" stays due, so whoever comes next goes on with it.
CREATE OR REPLACE FUNCTION kolony.run_upkeep(even_if_not_due boolean DEFAULT false, only_job text DEFAULT NULL)
RETURNS TABLE (job text, ran boolean, result jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    each record;
    due boolean;
    began timestamptz;
    did jsonb;
    more boolean;
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
            RETURN QUERY SELECT each.job, false, coalesce(each.last_result, '{}');
            CONTINUE;
        END IF;
        began := clock_timestamp();
        BEGIN
            did := kolony.do_upkeep(each.job);
        EXCEPTION WHEN OTHERS THEN
            did := jsonb_build_object('error', SQLERRM, 'sqlstate', SQLSTATE);
        END;
        more := coalesce((did ->> 'more')::boolean, false);
        UPDATE kolony.upkeep u
        SET last_began = CASE WHEN more THEN began - u.every ELSE began END, last_ended = clock_timestamp(),
            last_result = did, done_before = CASE WHEN more THEN u.done_before + (
                SELECT coalesce(sum(d.value::bigint), 0) FROM jsonb_each_text(did - 'more') d) ELSE 0 END
        WHERE u.job = each.job;
        PERFORM kolony.note_upkeep(each.job, began, did);
        RETURN QUERY SELECT each.job, true, did;
    END LOOP;
END
$$;

COMMENT ON FUNCTION kolony.set_retention(uuid, text, integer) IS 'admin: say for how many days something is kept';
COMMENT ON FUNCTION kolony.set_archive(uuid, text) IS 'admin: say where output is archived';
COMMENT ON FUNCTION kolony.place_hold(uuid, text, uuid, text) IS 'admin: place a legal hold';
COMMENT ON FUNCTION kolony.lift_hold(uuid) IS 'admin: lift a legal hold';
COMMENT ON FUNCTION kolony.take_archive(uuid, text, uuid, integer) IS 'admin: take output to the archive';
COMMENT ON FUNCTION kolony.count_archive(uuid) IS 'viewer: count what is due for the archive';
COMMENT ON FUNCTION kolony.extend_archive(uuid, uuid, integer, uuid) IS 'admin: go on taking output to the archive';
COMMENT ON FUNCTION kolony.finish_archive(uuid, uuid, integer, uuid, text, bigint, bytea, text[], boolean) IS
    'admin: have output in the archive alone';
COMMENT ON FUNCTION kolony.give_archive_back(uuid, uuid, integer, uuid) IS 'admin: leave the archiving of output to others';
COMMENT ON FUNCTION kolony.note_swept(uuid, uuid, integer, text[]) IS 'admin: note that objects left behind are gone';
COMMENT ON FUNCTION kolony.restore_output(uuid, uuid, integer, integer[], text[], timestamptz[], bigint[], integer[],
    bytea[]) IS 'operator: put output back out of the archive';
COMMENT ON FUNCTION kolony.finish_restore(uuid, uuid, integer) IS 'operator: prove what was put back';
COMMENT ON FUNCTION kolony.take_removal(uuid) IS 'admin: take archived output that is too old';
COMMENT ON FUNCTION kolony.finish_removal(uuid, uuid, integer, uuid) IS 'admin: note that archived output is gone';
COMMENT ON FUNCTION kolony.begin_job(uuid, text, text, bigint) IS 'admin: begin with the archive''s upkeep';
COMMENT ON FUNCTION kolony.note_job(uuid, text, bigint) IS 'admin: note how far the archive''s upkeep is';
COMMENT ON FUNCTION kolony.end_job(uuid, text, jsonb) IS 'admin: note how the archive''s upkeep ended';
GRANT EXECUTE ON FUNCTION kolony.set_retention(uuid, text, integer), kolony.set_archive(uuid, text),
    kolony.place_hold(uuid, text, uuid, text), kolony.lift_hold(uuid), kolony.take_archive(uuid, text, uuid, integer),
    kolony.count_archive(uuid), kolony.extend_archive(uuid, uuid, integer, uuid),
    kolony.finish_archive(uuid, uuid, integer, uuid, text, bigint, bytea, text[], boolean),
    kolony.give_archive_back(uuid, uuid, integer, uuid), kolony.note_swept(uuid, uuid, integer, text[]),
    kolony.restore_output(uuid, uuid, integer, integer[], text[], timestamptz[], bigint[], integer[], bytea[]),
    kolony.finish_restore(uuid, uuid, integer), kolony.take_removal(uuid),
    kolony.finish_removal(uuid, uuid, integer, uuid), kolony.begin_job(uuid, text, text, bigint),
    kolony.note_job(uuid, text, bigint), kolony.end_job(uuid, text, jsonb) TO kolony_user;

SET LOCAL ROLE kolony_owner;

CREATE CONSTRAINT TRIGGER half_restored AFTER UPDATE OF state ON kolony.output_archives
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'restoring')
    EXECUTE FUNCTION kolony.refuse_half_restored();

RESET ROLE;
