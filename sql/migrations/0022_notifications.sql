-- Notifications: what each person is told, by which rules, and when they would rather not be disturbed.
--
-- Whoever writes work only leaves an event: one row in a table that nobody else locks, so telling people never makes
-- work wait. Who looks next hands the events out (kolony.hand_out), one at a time in a workspace. It also compares what
-- agents were last told to be with what they are: a runner that dies writes no row at that moment.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.notification_kinds (
    kind     text PRIMARY KEY CHECK (kind ~ '^[a-z][a-z_]{0,40}$'),
    place    smallint NOT NULL UNIQUE,
    about    text NOT NULL,
    audience text NOT NULL CHECK (audience IN ('owner', 'operators', 'admins', 'everyone')),
    channels text[] NOT NULL CHECK (channels <@ ARRAY['bell', 'desktop']),
    enabled  boolean NOT NULL
);
COMMENT ON TABLE kolony.notification_kinds IS 'what there is to be told, and to whom without any rule';

CREATE TABLE kolony.notifications (
    workspace_id    uuid NOT NULL REFERENCES kolony.workspaces,
    notification_id uuid NOT NULL DEFAULT kolony.new_id(),
    profile_id      uuid NOT NULL REFERENCES kolony.profiles,
    kind            text NOT NULL REFERENCES kolony.notification_kinds,
    priority        text NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
    message         text NOT NULL DEFAULT '' CHECK (length(message) <= 1000),
    data            jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
    channels        text[] NOT NULL DEFAULT '{}' CHECK (channels <@ ARRAY['bell', 'desktop']),
    quiet           boolean NOT NULL DEFAULT false,
    dedupe          text CHECK (length(dedupe) BETWEEN 1 AND 200),
    count           integer NOT NULL DEFAULT 1 CHECK (count > 0),
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_at         timestamptz NOT NULL DEFAULT now(),
    read_at         timestamptz,
    expires_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, notification_id)
);
COMMENT ON COLUMN kolony.notifications.quiet IS 'came in the person''s quiet hours: kept, and not sounded';
COMMENT ON COLUMN kolony.notifications.dedupe IS 'what else of this name comes soon is counted here; null: no more';
CREATE INDEX notifications_of_person ON kolony.notifications (profile_id, workspace_id, last_at DESC);
CREATE INDEX notifications_unread ON kolony.notifications (profile_id, workspace_id) WHERE read_at IS NULL;
CREATE UNIQUE INDEX notifications_counted ON kolony.notifications (workspace_id, profile_id, dedupe)
    WHERE dedupe IS NOT NULL;
CREATE INDEX notifications_expiring ON kolony.notifications (expires_at);
CREATE INDEX notifications_by_kind ON kolony.notifications (kind);
CREATE INDEX notifications_of_asks ON kolony.notifications (workspace_id) WHERE kind = 'approval' AND read_at IS NULL;

-- Of a person (profile_id), or of everybody in the workspace.
CREATE TABLE kolony.notification_rules (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    rule_id      uuid NOT NULL DEFAULT kolony.new_id(),
    profile_id   uuid REFERENCES kolony.profiles,
    kind         text NOT NULL REFERENCES kolony.notification_kinds,
    audience     text NOT NULL CHECK (audience IN ('owner', 'operators', 'admins', 'everyone')),
    agent_id     uuid,
    tag          text CHECK (length(tag) BETWEEN 1 AND 100),
    priority     text CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    channels     text[] NOT NULL DEFAULT '{bell,desktop}' CHECK (channels <@ ARRAY['bell', 'desktop']),
    enabled      boolean NOT NULL DEFAULT true,
    created_by   uuid REFERENCES kolony.profiles,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    PRIMARY KEY (workspace_id, rule_id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    CONSTRAINT one_own_rule_is_about_me CHECK (profile_id IS NULL OR audience IN ('owner', 'everyone'))
);
COMMENT ON COLUMN kolony.notification_rules.priority IS 'null: as the event comes';
CREATE INDEX notification_rules_of_person ON kolony.notification_rules (profile_id);
CREATE INDEX notification_rules_by_kind ON kolony.notification_rules (kind);
CREATE INDEX notification_rules_by_agent ON kolony.notification_rules (workspace_id, agent_id);
CREATE INDEX notification_rules_by_maker ON kolony.notification_rules (created_by);

-- A person's own, the same in all of their workspaces.
CREATE TABLE kolony.notification_settings (
    profile_id uuid PRIMARY KEY REFERENCES kolony.profiles,
    quiet_from time,
    quiet_to   time,
    time_zone  text NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) <= 100),
    bell       text NOT NULL DEFAULT 'away' CHECK (bell IN ('never', 'away', 'always')),
    desktop    text NOT NULL DEFAULT 'auto' CHECK (desktop IN ('off', 'auto', 'osc9', 'osc777', 'notify-send')),
    sound_from text NOT NULL DEFAULT 'high' CHECK (sound_from IN ('low', 'medium', 'high', 'critical')),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT quiet_hours_have_both_ends CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
    CONSTRAINT quiet_hours_have_a_length CHECK (quiet_from <> quiet_to)
);

-- No foreign keys: an event locks nothing but itself. Gone as soon as it was handed out.
CREATE TABLE kolony.notification_events (
    workspace_id uuid NOT NULL,
    event_id     bigint GENERATED ALWAYS AS IDENTITY,
    kind         text NOT NULL,
    priority     text NOT NULL,
    title        text NOT NULL,
    message      text NOT NULL,
    data         jsonb NOT NULL,
    agent_id     uuid,
    owner        uuid,
    by_profile   uuid,
    only_to      uuid[],
    dedupe       text,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    count        integer NOT NULL DEFAULT 1,
    PRIMARY KEY (workspace_id, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- Whose turn it is to hand out: whoever locks the workspace's row.
CREATE TABLE kolony.notification_turns (
    workspace_id uuid PRIMARY KEY REFERENCES kolony.workspaces,
    looked_at    timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE TABLE kolony.agent_tellings (
    workspace_id uuid NOT NULL,
    agent_id     uuid NOT NULL,
    status       text NOT NULL CHECK (status IN ('online', 'offline', 'error')),
    told_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, agent_id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
);
COMMENT ON TABLE kolony.agent_tellings IS 'what was last told of an agent; none: that it is offline';
CREATE INDEX agent_tellings_online ON kolony.agent_tellings (workspace_id, agent_id) WHERE status = 'online';

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.notification_kinds', 'kolony.notifications',
    'kolony.notification_rules', 'kolony.notification_settings', 'kolony.notification_events',
    'kolony.notification_turns', 'kolony.agent_tellings']::regclass[]) t;
GRANT SELECT ON SEQUENCE kolony.notification_events_event_id_seq TO kolony_backup;
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.notification_rules
    FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.notification_settings
    FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();

CREATE POLICY member ON kolony.notification_kinds FOR SELECT USING ((SELECT kolony.my_workspace_ids()) <> '{}');
CREATE POLICY mine ON kolony.notifications FOR SELECT
    USING (profile_id = (SELECT kolony.my_profile_id())
           AND workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY mine ON kolony.notification_settings FOR SELECT USING (profile_id = (SELECT kolony.my_profile_id()));
CREATE POLICY reader ON kolony.notification_rules FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[])
           AND (profile_id IS NULL OR profile_id = (SELECT kolony.my_profile_id())));
COMMENT ON POLICY mine ON kolony.notifications IS 'viewer: see your own notifications';
COMMENT ON POLICY mine ON kolony.notification_settings IS 'anyone: see when you want no sound';
COMMENT ON POLICY reader ON kolony.notification_rules IS
    'viewer: see the workspace''s rules for notifications, and your own';
GRANT SELECT ON kolony.notification_kinds, kolony.notifications, kolony.notification_rules,
    kolony.notification_settings TO kolony_user;

SET LOCAL ROLE kolony_api;

INSERT INTO kolony.notification_kinds (kind, place, about, audience, channels, enabled) VALUES
    ('agent_status', 1, 'an agent came, went, or ended with an error', 'owner', '{bell,desktop}', true),
    ('run_failed', 2, 'a run failed', 'owner', '{bell,desktop}', true),
    ('limit_hit', 3, 'a run was ended by a limit', 'owner', '{bell,desktop}', true),
    ('approval', 4, 'an agent asks for an answer', 'operators', '{bell,desktop}', true),
    ('stop', 5, 'agents were stopped, or a stop was lifted', 'everyone', '{bell,desktop}', true),
    ('command_ended', 6, 'a command has ended', 'owner', '{}', false),
    ('webhook_failed', 7, 'a webhook was given up', 'admins', '{}', true);

-- Text of agents and programs in one line without a character that a terminal or a reader could obey.
CREATE FUNCTION kolony.plain_words(words text, up_to integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT btrim(regexp_replace(regexp_replace("left"(coalesce(words, ''), up_to),
        '[\u0001-\u001f\u007f-\u009f\u2028\u2029]+', ' ', 'g'),
        '[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]', '', 'g'))
$$;

-- Leaves an event. ``only_to``: for these people, whatever the rules say about the audience; ``by_profile``: who did it
-- and need not be told. It never stops the work that it is about.
CREATE FUNCTION kolony.notify_people(home uuid, kind text, priority text, title text, message text, data jsonb,
    dedupe text DEFAULT NULL, only_to uuid[] DEFAULT NULL, of_agent uuid DEFAULT NULL, owner uuid DEFAULT NULL,
    by_profile uuid DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kolony.notification_events (workspace_id, kind, priority, title, message, data, dedupe, only_to,
        agent_id, owner, by_profile)
    VALUES (home, kind, priority, coalesce(nullif(kolony.plain_words(title, 300), ''), kind),
        kolony.plain_words(message, 1000), coalesce(data, '{}'), "left"(dedupe, 200), only_to, of_agent, owner,
        by_profile);
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'an event of kind % was not noted: %', kind, SQLERRM;
END
$$;

-- By row and with a condition: of the many writes to runs a failure is a rare one, and the others pay nothing.
CREATE FUNCTION kolony.note_failed_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands;
    its_agent text := (SELECT a.name FROM kolony.agents a
                       WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id);
    about text;
BEGIN
    SELECT * INTO command FROM kolony.commands c
    WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id;
    about := '#' || command.number || CASE WHEN cardinality(command.targets) > 1 THEN '.' || NEW.ordinal ELSE '' END;
    PERFORM kolony.notify_people(NEW.workspace_id,
        CASE WHEN NEW.limit_hit IS NULL THEN 'run_failed' ELSE 'limit_hit' END, 'medium',
        CASE WHEN NEW.limit_hit IS NULL THEN format('%s failed on %s', about, its_agent)
             ELSE format('%s reached its %s on %s', about, replace(NEW.limit_hit, '_', ' '), its_agent) END,
        NEW.error,
        jsonb_build_object('run_id', NEW.run_id, 'command_id', NEW.command_id, 'agent_id', NEW.agent_id,
            'agent', its_agent, 'reference', about, 'exit_code', NEW.exit_code, 'limit', NEW.limit_hit),
        format('%s:%s', CASE WHEN NEW.limit_hit IS NULL THEN 'run_failed' ELSE 'limit_hit' END, NEW.command_id),
        NULL, NEW.agent_id, command.created_by);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'a failure was not noted: %', SQLERRM;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.note_ended_command() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Nobody is told by default, so mostly this is all that the end of a command costs.
    IF EXISTS (SELECT FROM kolony.notification_rules r WHERE r.workspace_id = NEW.workspace_id
               AND r.kind = 'command_ended' AND r.enabled AND r.deleted_at IS NULL)
    THEN
        PERFORM kolony.notify_people(NEW.workspace_id, 'command_ended', 'low',
            format('#%s has %s', NEW.number, CASE NEW.outcome WHEN 'cancelled' THEN 'been cancelled'
                                                              ELSE NEW.outcome END),
            NEW.title, jsonb_build_object('command_id', NEW.command_id, 'reference', '#' || NEW.number,
                'outcome', NEW.outcome, 'agents', cardinality(NEW.targets)),
            format('command_ended:%s', NEW.command_id), NULL, NULL, NEW.created_by);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.note_approval() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.notify_people(NEW.workspace_id, 'approval', CASE NEW.risk WHEN 'low' THEN 'medium' ELSE 'high' END,
        format('%s asks: %s', a.name, NEW.title), NEW.detail,
        jsonb_build_object('approval_id', NEW.approval_id, 'run_id', NEW.run_id, 'command_id', r.command_id,
            'agent_id', NEW.agent_id, 'agent', a.name, 'risk', NEW.risk, 'expires_at', NEW.expires_at),
        format('approval:%s', r.command_id), NULL, NEW.agent_id, c.created_by)
    FROM kolony.runs r
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
    WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION kolony.note_stop() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lifted CONSTANT boolean := NEW.lifted_at IS NOT NULL;
    by_whom CONSTANT uuid := CASE WHEN lifted THEN NEW.lifted_by ELSE NEW.began_by END;
BEGIN
    PERFORM kolony.notify_people(NEW.workspace_id, 'stop', CASE WHEN lifted THEN 'medium' ELSE 'critical' END,
        format(CASE WHEN lifted THEN '%s lifted the emergency stop'
                    WHEN NEW.everyone THEN '%s stopped every agent' ELSE '%s stopped agents' END,
               (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = by_whom)),
        NEW.why, jsonb_build_object('stop_id', NEW.stop_id, 'lifted', lifted, 'everyone', NEW.everyone),
        NULL, NULL, NULL, NULL, by_whom);
    RETURN NULL;
END
$$;

GRANT EXECUTE ON FUNCTION kolony.note_failed_run(), kolony.note_ended_command(), kolony.note_approval(),
    kolony.note_stop() TO kolony_owner;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER note_failed AFTER UPDATE OF outcome ON kolony.runs
    FOR EACH ROW WHEN (NEW.outcome = 'failed' AND OLD.outcome IS NULL) EXECUTE FUNCTION kolony.note_failed_run();
CREATE TRIGGER note_ended AFTER UPDATE OF outcome ON kolony.commands
    FOR EACH ROW WHEN (NEW.outcome IS NOT NULL AND OLD.outcome IS NULL AND NEW.submitted_at IS NOT NULL)
    EXECUTE FUNCTION kolony.note_ended_command();
CREATE TRIGGER note_asked AFTER INSERT ON kolony.approvals FOR EACH ROW EXECUTE FUNCTION kolony.note_approval();
CREATE TRIGGER note_began AFTER INSERT ON kolony.stops FOR EACH ROW EXECUTE FUNCTION kolony.note_stop();
CREATE TRIGGER note_lifted AFTER UPDATE OF lifted_at ON kolony.stops
    FOR EACH ROW WHEN (OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL) EXECUTE FUNCTION kolony.note_stop();

SET LOCAL ROLE kolony_api;

-- Notes agents whose status is another one than what was last told, each change once. Busy or not is no news, and an
-- agent that was gone for less than the time between two looks was not gone. Where more than five of somebody's agents
-- change alike at once (a host is gone), that is one event, but for those about which somebody has a rule.
CREATE FUNCTION kolony.note_agents(home uuid, looked_before timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- The first id of that moment: sessions are numbered by time. A minute back, for those who committed late.
    since CONSTANT uuid := (lpad(to_hex((extract(epoch FROM greatest(looked_before - interval '1 minute', 'epoch'))
        * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;
BEGIN
    WITH live AS MATERIALIZED (
        SELECT DISTINCT s.agent_id FROM kolony.agent_sessions s
        WHERE s.workspace_id = home AND s.ended_at IS NULL
          AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp()),
    online AS MATERIALIZED (
        SELECT t.agent_id FROM kolony.agent_tellings t WHERE t.workspace_id = home AND t.status = 'online'),
    asked AS (
        (SELECT l.agent_id FROM live l EXCEPT SELECT o.agent_id FROM online o)
        UNION (SELECT o.agent_id FROM online o EXCEPT SELECT l.agent_id FROM live l)
        UNION (SELECT s.agent_id FROM kolony.agent_sessions s WHERE s.workspace_id = home AND s.session_id >= since)),
    found AS (
        SELECT q.agent_id, coalesce(t.status, 'offline') AS before, newest.host, newest.end_reason,
               CASE WHEN l.agent_id IS NOT NULL THEN 'online' WHEN newest.end_error THEN 'error' ELSE 'offline' END
                   AS status
        FROM asked q
        LEFT JOIN live l ON l.agent_id = q.agent_id
        LEFT JOIN kolony.agent_tellings t ON t.workspace_id = home AND t.agent_id = q.agent_id
        LEFT JOIN LATERAL (SELECT s.host, s.end_error, coalesce(s.end_reason, 'stopped answering') AS end_reason
                           FROM kolony.agent_sessions s
                           WHERE l.agent_id IS NULL AND s.workspace_id = home AND s.agent_id = q.agent_id
                           ORDER BY s.session_id DESC LIMIT 1) newest ON true),
    told AS (
        INSERT INTO kolony.agent_tellings AS t (workspace_id, agent_id, status)
        SELECT home, f.agent_id, f.status FROM found f WHERE f.status <> f.before
        ON CONFLICT (workspace_id, agent_id) DO UPDATE SET status = EXCLUDED.status, told_at = now()),
    changed AS (
        SELECT f.*, kolony.plain_words(a.name, 200) AS name, a.created_by,
               EXISTS (SELECT FROM kolony.notification_rules r
                       WHERE r.workspace_id = home AND r.kind = 'agent_status' AND r.deleted_at IS NULL
                         AND (r.agent_id = f.agent_id OR r.tag = ANY (a.tags))) AS has_rule,
               CASE WHEN f.status = 'error' THEN 'high'
                    WHEN f.status = 'offline' AND f.end_reason = 'stopped answering' THEN 'medium' ELSE 'low' END
                   AS priority
        FROM found f JOIN kolony.agents a ON a.workspace_id = home AND a.agent_id = f.agent_id
        WHERE f.status <> f.before AND (a.desired <> 'retired' OR f.status <> 'offline')),
    counted AS (
        SELECT c.*, count(*) OVER (PARTITION BY c.created_by, c.status, c.priority, c.has_rule) > 5 AND NOT c.has_rule
                   AS of_many
        FROM changed c)
    INSERT INTO kolony.notification_events (workspace_id, kind, priority, title, message, data, dedupe, agent_id, owner)
    SELECT home, 'agent_status', c.priority,
           format(CASE c.status WHEN 'online' THEN '%s is online' WHEN 'error' THEN '%s ended with an error'
                                ELSE '%s is offline' END, c.name),
           CASE WHEN c.status = 'online' THEN ''
                ELSE kolony.plain_words(concat_ws(': ', nullif(c.host, ''), c.end_reason), 1000) END,
           jsonb_build_object('agent_id', c.agent_id, 'agent', c.name, 'old_status', c.before, 'new_status', c.status),
           format('agent_status:%s:%s', c.agent_id, c.status), c.agent_id, c.created_by
    FROM counted c WHERE NOT c.of_many
    UNION ALL
    SELECT home, 'agent_status', c.priority,
           format(CASE c.status WHEN 'online' THEN '%s agents are online' WHEN 'error' THEN '%s agents ended with an error'
                                ELSE '%s agents are offline' END, count(*)),
           "left"(string_agg(c.name, ', ' ORDER BY c.name), 1000),
           jsonb_build_object('agents', count(*), 'new_status', c.status), NULL, NULL, c.created_by
    FROM counted c WHERE c.of_many GROUP BY c.created_by, c.status, c.priority;
END
$$;

-- The events that wait, while nobody else takes any: those of one name together, with their number and the words of the
-- last one.
CREATE FUNCTION kolony.take_events(home uuid) RETURNS kolony.notification_events[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken kolony.notification_events[];
BEGIN
    WITH taken AS (
        DELETE FROM kolony.notification_events e
        WHERE e.workspace_id = home AND e.event_id <= (
            SELECT max(q.event_id) FROM (SELECT o.event_id FROM kolony.notification_events o
                                         WHERE o.workspace_id = home ORDER BY o.event_id LIMIT 10000) q)
        RETURNING e.*),
    last_of_each AS (
        SELECT DISTINCT ON (coalesce(t.dedupe, t.event_id::text)) t::kolony.notification_events AS event,
               count(*) OVER (PARTITION BY coalesce(t.dedupe, t.event_id::text)) AS many
        FROM taken t ORDER BY coalesce(t.dedupe, t.event_id::text), t.event_id DESC)
    SELECT array_agg(jsonb_populate_record(l.event, jsonb_build_object('count', l.many)) ORDER BY (l.event).event_id)
    INTO taken FROM last_of_each l;
    RETURN coalesce(taken, '{}');
END
$$;

-- Whether a moment is in somebody's quiet hours, by their own clock.
CREATE FUNCTION kolony.is_quiet(quiet_from time, quiet_to time, time_zone text, moment timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hour CONSTANT time := (moment AT TIME ZONE coalesce(time_zone, 'UTC'))::time;
BEGIN
    RETURN coalesce(CASE WHEN quiet_from < quiet_to THEN hour >= quiet_from AND hour < quiet_to
                         ELSE hour >= quiet_from OR hour < quiet_to END, false);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false; -- a zone that this server does not know any more
END
$$;

-- Who is told of what. For each person the nearest rule decides: their own before the workspace's before the built-in
-- one; about this agent before about its tag before about all; for few before for many; a new one before an old one.
CREATE FUNCTION kolony.tell_each(home uuid, events kolony.notification_events[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ranks CONSTANT text[] := ARRAY['low', 'medium', 'high', 'critical'];
    audiences CONSTANT text[] := ARRAY['owner', 'admins', 'operators', 'everyone'];
    told integer;
BEGIN
    UPDATE kolony.notifications n SET dedupe = NULL
    WHERE n.workspace_id = home AND n.dedupe IN (SELECT e.dedupe FROM unnest(events) e)
      AND (n.read_at IS NOT NULL OR n.created_at < now() - interval '10 minutes');
    WITH rules AS (
        SELECT r.kind, 2 - (r.profile_id IS NOT NULL)::int AS distance, r.profile_id, r.audience, r.agent_id, r.tag,
               r.priority, r.channels, r.enabled, r.rule_id
        FROM kolony.notification_rules r WHERE r.workspace_id = home AND r.deleted_at IS NULL
        UNION ALL
        SELECT k.kind, 3, NULL, k.audience, NULL, NULL, NULL, k.channels, k.enabled, NULL FROM kolony.notification_kinds k),
    ruled AS (
        SELECT DISTINCT ON (e.event_id, m.profile_id) e.*, m.profile_id, coalesce(r.priority, e.priority) AS rank,
               r.channels, r.enabled
        FROM unnest(events) e
        JOIN kolony.memberships m ON m.workspace_id = home AND NOT m.disabled
            AND m.profile_id IS DISTINCT FROM e.by_profile AND (e.only_to IS NULL OR m.profile_id = ANY (e.only_to))
        JOIN rules r ON r.kind = e.kind AND (r.profile_id IS NULL OR r.profile_id = m.profile_id)
            AND (r.agent_id IS NULL OR r.agent_id = e.agent_id)
            AND (r.tag IS NULL OR EXISTS (SELECT FROM kolony.agents a WHERE a.workspace_id = home
                                          AND a.agent_id = e.agent_id AND r.tag = ANY (a.tags)))
            AND (e.only_to IS NOT NULL OR CASE r.audience WHEN 'owner' THEN m.profile_id = e.owner
                     WHEN 'admins' THEN m.role = 'admin' WHEN 'operators' THEN m.role <> 'viewer' ELSE true END)
        ORDER BY e.event_id, m.profile_id, r.distance, r.agent_id IS NULL, r.tag IS NULL,
                 array_position(audiences, r.audience), r.rule_id DESC)
    INSERT INTO kolony.notifications AS n (workspace_id, profile_id, kind, priority, title, message, data, channels,
        quiet, dedupe, count, created_at, last_at, expires_at)
    SELECT home, t.profile_id, t.kind, t.rank, t.title, t.message, t.data, t.channels,
           t.rank <> 'critical' AND kolony.is_quiet(s.quiet_from, s.quiet_to, s.time_zone, t.at), t.dedupe, t.count,
           t.at, t.at, now() + CASE t.rank WHEN 'low' THEN interval '7 days' WHEN 'medium' THEN interval '14 days'
                                           ELSE interval '30 days' END
    FROM ruled t LEFT JOIN kolony.notification_settings s ON s.profile_id = t.profile_id
    WHERE t.enabled
    ORDER BY t.event_id
    ON CONFLICT (workspace_id, profile_id, dedupe) WHERE dedupe IS NOT NULL DO UPDATE
    SET count = n.count + EXCLUDED.count, last_at = EXCLUDED.last_at, title = EXCLUDED.title,
        message = EXCLUDED.message, data = EXCLUDED.data, expires_at = EXCLUDED.expires_at,
        priority = ranks[greatest(array_position(ranks, n.priority), array_position(ranks, EXCLUDED.priority))];
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END
$$;

-- Hands out what waits, in one workspace, unless somebody else is just doing it. Answers how many were told.
CREATE FUNCTION kolony.hand_out(home uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    turn kolony.notification_turns;
    events kolony.notification_events[];
    told integer := 0;
BEGIN
    -- Many ask, and mostly there is nothing to do: that costs two reads.
    IF EXISTS (SELECT FROM kolony.notification_turns t WHERE t.workspace_id = home
               AND t.looked_at >= clock_timestamp() - interval '5 seconds')
       AND NOT EXISTS (SELECT FROM kolony.notification_events e WHERE e.workspace_id = home)
    THEN
        RETURN 0;
    END IF;
    INSERT INTO kolony.notification_turns (workspace_id) VALUES (home) ON CONFLICT (workspace_id) DO NOTHING;
    SELECT * INTO turn FROM kolony.notification_turns t WHERE t.workspace_id = home FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF turn.looked_at < clock_timestamp() - interval '5 seconds' THEN
        PERFORM kolony.note_agents(home, turn.looked_at);
        UPDATE kolony.notification_turns t SET looked_at = clock_timestamp() WHERE t.workspace_id = home;
    END IF;
    -- What nobody asks any more is no news, whoever answered it.
    UPDATE kolony.notifications n SET read_at = now()
    WHERE n.workspace_id = home AND n.kind = 'approval' AND n.read_at IS NULL AND NOT EXISTS (
        SELECT FROM kolony.runs r JOIN kolony.approvals p ON p.workspace_id = r.workspace_id AND p.run_id = r.run_id
        WHERE r.workspace_id = home AND r.command_id = (n.data ->> 'command_id')::uuid AND p.answered_at IS NULL
          AND p.cancelled_at IS NULL AND p.expired_at IS NULL
          AND (p.expires_at IS NULL OR p.expires_at > clock_timestamp()));
    events := kolony.take_events(home);
    IF cardinality(events) > 0 THEN
        told := kolony.tell_each(home, events);
        PERFORM kolony.queue_deliveries(home, events);
        PERFORM kolony.hint(home, 'note:*');
    END IF;
    RETURN told;
END
$$;

CREATE FUNCTION kolony.take_notice(in_workspace uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN kolony.hand_out(in_workspace);
END
$$;

RESET ROLE;
