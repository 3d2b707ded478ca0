-- What people write about notifications: that they read them, by which rules they come, and when they are quiet; and the
-- upkeep.

SET LOCAL ROLE kolony_api;

CREATE FUNCTION kolony.read_notifications(which uuid[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE kolony.notifications n SET read_at = now()
    WHERE n.profile_id = kolony.my_profile_id() AND n.workspace_id = ANY (kolony.my_workspace_ids())
      AND n.notification_id = ANY (which) AND n.read_at IS NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;

-- All that came until then: what comes while somebody reads the list stays unread.
CREATE FUNCTION kolony.read_all_notifications(in_workspace uuid, up_to timestamptz DEFAULT now()) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed integer;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    UPDATE kolony.notifications n SET read_at = now()
    WHERE n.profile_id = kolony.my_profile_id() AND n.workspace_id = in_workspace AND n.read_at IS NULL
      AND n.last_at <= up_to;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;

-- What a rule may say, for those who make and those who change one.
CREATE FUNCTION kolony.check_rule(audience text, priority text, channels text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF audience IS NULL OR audience NOT IN ('owner', 'admins', 'operators', 'everyone') THEN
        RAISE EXCEPTION 'a rule is for the owner, admins, operators or everyone' USING ERRCODE = '22023';
    END IF;
    IF priority NOT IN ('low', 'medium', 'high', 'critical') THEN
        RAISE EXCEPTION 'a priority of notifications is low, medium, high or critical' USING ERRCODE = '22023';
    END IF;
    IF channels IS NULL OR NOT channels <@ ARRAY['bell', 'desktop'] THEN
        RAISE EXCEPTION 'channels are bell and desktop; the list has every notification anyway' USING ERRCODE = '22023';
    END IF;
END
$$;

CREATE FUNCTION kolony.make_notification_rule(in_workspace uuid, kind text, for_everybody boolean DEFAULT false,
    audience text DEFAULT 'owner', of_agent uuid DEFAULT NULL, tag text DEFAULT NULL, priority text DEFAULT NULL,
    channels text[] DEFAULT '{bell,desktop}', enabled boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, CASE WHEN for_everybody THEN 'admin' ELSE 'viewer' END);
    PERFORM kolony.check_rule(audience, priority, channels);
    IF NOT EXISTS (SELECT FROM kolony.notification_kinds k WHERE k.kind = kind) THEN
        RAISE EXCEPTION 'there is no kind of notification "%"', kind USING ERRCODE = 'P0002', HINT = format('there are %s',
            (SELECT string_agg(k.kind, ', ' ORDER BY k.place) FROM kolony.notification_kinds k));
    END IF;
    IF NOT for_everybody AND audience NOT IN ('owner', 'everyone') THEN
        RAISE EXCEPTION 'a rule of your own is about what is yours (owner) or about all of it (everyone)'
            USING ERRCODE = '22023';
    END IF;
    IF of_agent IS NOT NULL AND kolony.workspace_of_agent(of_agent) <> in_workspace THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    IF length(tag) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a tag has 1 to 100 characters' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.notification_rules (workspace_id, profile_id, kind, audience, agent_id, tag, priority, channels,
        enabled, created_by)
    VALUES (in_workspace, CASE WHEN NOT for_everybody THEN kolony.my_profile_id() END, kind, audience, of_agent, tag,
        priority, channels, coalesce(enabled, true), kolony.my_profile_id())
    RETURNING rule_id INTO made;
    IF for_everybody THEN
        PERFORM kolony.record_audit(in_workspace, 'RULE_CREATED', kind, jsonb_build_object('audience', audience,
            'priority', priority, 'enabled', enabled), of_agent);
    END IF;
    PERFORM kolony.hint(in_workspace, 'note:*');
    RETURN made;
END
$$;

-- A rule that the caller may change: their own, or as an admin one of the workspace; held until the transaction ends.
CREATE FUNCTION kolony.rule_for_step(the_rule uuid) RETURNS kolony.notification_rules
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule kolony.notification_rules;
BEGIN
    SELECT * INTO rule FROM kolony.notification_rules r
    WHERE r.rule_id = the_rule AND r.workspace_id = ANY (kolony.my_workspace_ids()) AND r.deleted_at IS NULL
      AND (r.profile_id IS NULL OR r.profile_id = kolony.my_profile_id()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such rule here' USING ERRCODE = 'P0002', HINT = 'see kolony notification rules';
    END IF;
    PERFORM kolony.require_role(rule.workspace_id, CASE WHEN rule.profile_id IS NULL THEN 'admin' ELSE 'viewer' END);
    RETURN rule;
END
$$;

CREATE FUNCTION kolony.change_notification_rule(the_rule uuid, audience text, priority text, channels text[],
    enabled boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    rule kolony.notification_rules := kolony.rule_for_step(the_rule);
BEGIN
    PERFORM kolony.check_rule(audience, priority, channels);
    IF rule.profile_id IS NOT NULL AND audience NOT IN ('owner', 'everyone') THEN
        RAISE EXCEPTION 'a rule of your own is about what is yours (owner) or about all of it (everyone)'
            USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.notification_rules r SET audience = audience, priority = priority, channels = channels,
        enabled = coalesce(enabled, r.enabled)
    WHERE r.workspace_id = rule.workspace_id AND r.rule_id = the_rule;
    IF rule.profile_id IS NULL THEN
        PERFORM kolony.record_audit(rule.workspace_id, 'RULE_CHANGED', rule.kind, jsonb_build_object('audience', audience,
            'priority', priority, 'enabled', enabled), rule.agent_id);
    END IF;
    PERFORM kolony.hint(rule.workspace_id, 'note:*');
END
$$;

CREATE FUNCTION kolony.delete_notification_rule(the_rule uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule kolony.notification_rules := kolony.rule_for_step(the_rule);
BEGIN
    UPDATE kolony.notification_rules r SET deleted_at = now()
    WHERE r.workspace_id = rule.workspace_id AND r.rule_id = the_rule;
    IF rule.profile_id IS NULL THEN
        PERFORM kolony.record_audit(rule.workspace_id, 'RULE_DELETED', rule.kind, '{}', rule.agent_id);
    END IF;
    PERFORM kolony.remember_undo(rule.workspace_id, 'delete_rule', format('rule for %s deleted', rule.kind),
        jsonb_build_object('rule_id', the_rule));
    PERFORM kolony.hint(rule.workspace_id, 'note:*');
END
$$;

-- Called by kolony.undo for the step of the caller alone.
CREATE FUNCTION kolony.undo_delete_rule(home uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule kolony.notification_rules;
BEGIN
    SELECT * INTO STRICT rule FROM kolony.notification_rules r
    WHERE r.workspace_id = home AND r.rule_id = (facts ->> 'rule_id')::uuid FOR NO KEY UPDATE;
    PERFORM kolony.require_role(home, CASE WHEN rule.profile_id IS NULL THEN 'admin' ELSE 'viewer' END);
    UPDATE kolony.notification_rules r SET deleted_at = NULL WHERE r.workspace_id = home AND r.rule_id = rule.rule_id;
    IF rule.profile_id IS NULL THEN
        PERFORM kolony.record_audit(home, 'RULE_CREATED', rule.kind, jsonb_build_object('undone', true), rule.agent_id);
    END IF;
    PERFORM kolony.hint(home, 'note:*');
END
$$;

-- When one wants no sound, and how one is told. No quiet hours: both ends null. Of the zone's name the server knows.
CREATE FUNCTION kolony.set_notification_settings(quiet_from time, quiet_to time, time_zone text, bell text,
    desktop text, sound_from text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role_anywhere('viewer');
    IF (quiet_from IS NULL) <> (quiet_to IS NULL) OR quiet_from = quiet_to THEN
        RAISE EXCEPTION 'quiet hours have a beginning and another end' USING ERRCODE = '22023', HINT = 'such as 22:00-07:00';
    END IF;
    IF time_zone IS NULL OR NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = time_zone) THEN
        RAISE EXCEPTION 'this server knows no time zone "%"', time_zone
            USING ERRCODE = '22023', HINT = 'a name such as Europe/Berlin, or UTC';
    END IF;
    IF bell IS NULL OR bell NOT IN ('never', 'away', 'always') THEN
        RAISE EXCEPTION 'the bell rings never, while one is away, or always' USING ERRCODE = '22023';
    END IF;
    IF desktop IS NULL OR desktop NOT IN ('off', 'auto', 'osc9', 'osc777', 'notify-send') THEN
        RAISE EXCEPTION 'desktop notifications are off, auto, osc9, osc777 or notify-send' USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.check_rule('owner', coalesce(sound_from, ''), '{}');
    INSERT INTO kolony.notification_settings (profile_id, quiet_from, quiet_to, time_zone, bell, desktop, sound_from)
    VALUES (kolony.my_profile_id(), quiet_from, quiet_to, time_zone, bell, desktop, sound_from)
    ON CONFLICT (profile_id) DO UPDATE SET quiet_from = EXCLUDED.quiet_from, quiet_to = EXCLUDED.quiet_to,
        time_zone = EXCLUDED.time_zone, bell = EXCLUDED.bell, desktop = EXCLUDED.desktop,
        sound_from = EXCLUDED.sound_from;
END
$$;

-- Upkeep: events are handed out where no app is open, and what has expired goes.

INSERT INTO kolony.upkeep (job, every) VALUES ('hand_out', '20 seconds'), ('retain_notes', '6 hours');

CREATE FUNCTION kolony.retain_notifications() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    notes integer;
    deliveries integer;
BEGIN
    DELETE FROM kolony.notifications n WHERE n.expires_at < now();
    GET DIAGNOSTICS notes = ROW_COUNT;
    DELETE FROM kolony.webhook_deliveries d WHERE d.ended_at < now() - interval '30 days';
    GET DIAGNOSTICS deliveries = ROW_COUNT;
    RETURN jsonb_build_object('removed_notifications', notes, 'removed_deliveries', deliveries);
END
$$;

CREATE FUNCTION kolony.hand_out_everywhere() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told bigint;
BEGIN
    SELECT coalesce(sum(kolony.hand_out(w.workspace_id)), 0) INTO told FROM kolony.workspaces w;
    RETURN jsonb_build_object('told', told);
END
$$;

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
            PERFORM kolony.ensure_output_partition(month::date), kolony.ensure_audit_partition(month::date)
            FROM unnest(ARRAY[now(), now() + interval '1 month']) month;
            RETURN '{}';
        WHEN 'seal_audit' THEN
            SELECT coalesce(sum(kolony.seal_audit(w.workspace_id)), 0) INTO counted FROM kolony.workspaces w;
            RETURN jsonb_build_object('sealed_entries', counted);
        WHEN 'retain_audit' THEN
            RETURN kolony.retain_audit();
        WHEN 'hand_out' THEN
            RETURN kolony.hand_out_everywhere();
        WHEN 'retain_notes' THEN
            RETURN kolony.retain_notifications();
    END CASE;
END
$$;

COMMENT ON FUNCTION kolony.take_notice(uuid) IS 'viewer: have what happened told to whom it concerns';
COMMENT ON FUNCTION kolony.read_notifications(uuid[]) IS 'anyone: mark notifications of yours as read';
COMMENT ON FUNCTION kolony.read_all_notifications(uuid, timestamptz) IS 'viewer: mark all of your notifications as read';
COMMENT ON FUNCTION kolony.make_notification_rule(uuid, text, boolean, text, uuid, text, text, text[], boolean) IS
    'viewer: make a rule for your own notifications; an admin makes them for everybody';
COMMENT ON FUNCTION kolony.change_notification_rule(uuid, text, text, text[], boolean) IS
    'viewer: change a rule for your own notifications; an admin changes those for everybody';
COMMENT ON FUNCTION kolony.delete_notification_rule(uuid) IS
    'viewer: delete a rule for your own notifications; an admin deletes those for everybody';
COMMENT ON FUNCTION kolony.set_notification_settings(time, time, text, text, text, text) IS
    'member: say when you want no sound, and how you are told';

GRANT EXECUTE ON FUNCTION kolony.take_notice(uuid), kolony.read_notifications(uuid[]),
    kolony.read_all_notifications(uuid, timestamptz),
    kolony.make_notification_rule(uuid, text, boolean, text, uuid, text, text, text[], boolean),
    kolony.change_notification_rule(uuid, text, text, text[], boolean), kolony.delete_notification_rule(uuid),
    kolony.set_notification_settings(time, time, text, text, text, text) TO kolony_user;

RESET ROLE;
