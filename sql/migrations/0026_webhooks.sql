-- Webhooks: addresses of a workspace that get its events by HTTP, and the log of what was delivered.
--
-- The database signs each delivery, so a webhook's secret never leaves it. Admins' programs carry the deliveries: each
-- is taken under a row lock for a minute, and whoever took it says what became of it.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.webhooks (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    webhook_id   uuid NOT NULL DEFAULT kolony.new_id(),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    url          text NOT NULL CHECK (length(url) <= 2000),
    kinds        text[] NOT NULL DEFAULT '{}',
    at_least     text NOT NULL DEFAULT 'low' CHECK (at_least IN ('low', 'medium', 'high', 'critical')),
    created_by   uuid REFERENCES kolony.profiles,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    PRIMARY KEY (workspace_id, webhook_id),
    CONSTRAINT webhook_name_is_trimmed CHECK (name = btrim(name)),
    CONSTRAINT webhook_name_is_printable CHECK (name !~ '[\u0001-\u001f\u007f-\u009f]')
);
COMMENT ON COLUMN kolony.webhooks.kinds IS 'the kinds of notifications that it gets; empty: all';
CREATE UNIQUE INDEX webhook_name_is_free ON kolony.webhooks (workspace_id, name) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_by_maker ON kolony.webhooks (created_by);

-- Secrets: no client has any grant on this table.
CREATE TABLE kolony.webhook_secrets (
    workspace_id uuid NOT NULL,
    webhook_id   uuid NOT NULL,
    secret       text NOT NULL CHECK (length(secret) BETWEEN 16 AND 500),
    PRIMARY KEY (workspace_id, webhook_id),
    FOREIGN KEY (workspace_id, webhook_id) REFERENCES kolony.webhooks
);

CREATE TABLE kolony.webhook_deliveries (
    workspace_id uuid NOT NULL,
    delivery_id  uuid NOT NULL DEFAULT kolony.new_id(),
    webhook_id   uuid NOT NULL,
    kind         text NOT NULL,
    title        text NOT NULL,
    body         text NOT NULL CHECK (octet_length(body) <= 65536),
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed', 'cancelled')),
    tries        integer NOT NULL DEFAULT 0,
    next_try_at  timestamptz DEFAULT now(),
    last_status  integer,
    last_error   text CHECK (length(last_error) <= 500),
    created_at   timestamptz NOT NULL DEFAULT now(),
    tried_at     timestamptz,
    ended_at     timestamptz,
    PRIMARY KEY (workspace_id, delivery_id),
    FOREIGN KEY (workspace_id, webhook_id) REFERENCES kolony.webhooks,
    CONSTRAINT pending_has_a_time CHECK ((state = 'pending') = (next_try_at IS NOT NULL)),
    CONSTRAINT ended_has_a_time CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE INDEX webhook_deliveries_due ON kolony.webhook_deliveries (workspace_id, next_try_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_of ON kolony.webhook_deliveries (workspace_id, webhook_id, delivery_id DESC);
CREATE INDEX webhook_deliveries_ended ON kolony.webhook_deliveries (ended_at);

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.webhooks', 'kolony.webhook_secrets',
    'kolony.webhook_deliveries']::regclass[]) t;
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.webhooks FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
-- For admins: an address of a webhook often is a secret itself.
CREATE POLICY reader ON kolony.webhooks FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.audited_workspace_ids())::uuid[]));
CREATE POLICY reader ON kolony.webhook_deliveries FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.audited_workspace_ids())::uuid[]));
COMMENT ON POLICY reader ON kolony.webhooks IS 'admin: see the webhooks';
COMMENT ON POLICY reader ON kolony.webhook_deliveries IS 'admin: see what webhooks were sent';
GRANT SELECT ON kolony.webhooks, kolony.webhook_deliveries TO kolony_user;

SET LOCAL ROLE kolony_api;

-- RFC 2104 with SHA-256.
CREATE FUNCTION kolony.hmac_sha256(secret bytea, message bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key bytea := CASE WHEN length(secret) > 64 THEN sha256(secret) ELSE secret END;
    inner_pad bytea := decode(repeat('36', 64), 'hex');
    outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
    FOR place IN 0 .. length(key) - 1 LOOP
        inner_pad := set_byte(inner_pad, place, get_byte(key, place) # 54);
        outer_pad := set_byte(outer_pad, place, get_byte(key, place) # 92);
    END LOOP;
    RETURN sha256(outer_pad || sha256(inner_pad || message));
END
$$;

CREATE FUNCTION kolony.check_webhook(called text, url text, kinds text[], at_least text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    IF called IS NULL OR length(called) NOT BETWEEN 1 AND 100 OR called <> btrim(called)
       OR called ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'a webhook''s name is 1 to 100 printable characters without blanks at its ends'
            USING ERRCODE = '22023';
    END IF;
    -- Without a name or password in it, which logs would show. In clear only to the machine that delivers.
    IF url IS NULL OR length(url) > 2000 OR url !~ '^https?://[^\s/?#@\u0001-\u0020\u007f-\u009f]+([/?][\u0021-\u007e]*)?$' THEN
        RAISE EXCEPTION 'that is no address of a webhook' USING ERRCODE = '22023', HINT = 'such as https://example.org/hook';
    END IF;
    IF url !~ '^https://' AND url !~ '^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?]|$)' THEN
        RAISE EXCEPTION 'a webhook''s address begins with https://; http:// only for localhost' USING ERRCODE = '22023';
    END IF;
    SELECT u INTO unknown FROM unnest(kinds) u
    WHERE NOT EXISTS (SELECT FROM kolony.notification_kinds k WHERE k.kind = u) LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'there is no kind of notification "%"', unknown USING ERRCODE = 'P0002', HINT = format('there are %s',
            (SELECT string_agg(k.kind, ', ' ORDER BY k.place) FROM kolony.notification_kinds k));
    END IF;
    IF at_least IS NULL OR at_least NOT IN ('low', 'medium', 'high', 'critical') THEN
        RAISE EXCEPTION 'a priority of notifications is low, medium, high or critical' USING ERRCODE = '22023';
    END IF;
END
$$;

CREATE FUNCTION kolony.check_webhook_secret(secret text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF secret IS NULL OR length(secret) NOT BETWEEN 16 AND 500 THEN
        RAISE EXCEPTION 'a webhook''s secret has 16 to 500 characters' USING ERRCODE = '22023';
    END IF;
END
$$;

CREATE FUNCTION kolony.add_webhook(in_workspace uuid, called text, url text, secret text, kinds text[] DEFAULT '{}',
    at_least text DEFAULT 'low') RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM kolony.check_webhook(called, url, kinds, at_least);
    PERFORM kolony.check_webhook_secret(secret);
    INSERT INTO kolony.webhooks (workspace_id, name, url, kinds, at_least, created_by)
    VALUES (in_workspace, called, url, coalesce(kinds, '{}'), at_least, kolony.my_profile_id())
    ON CONFLICT (workspace_id, name) WHERE deleted_at IS NULL DO NOTHING
    RETURNING webhook_id INTO made;
    IF made IS NULL THEN
        RAISE EXCEPTION 'there is a webhook "%" already', called USING ERRCODE = '23505', HINT = 'choose another name';
    END IF;
    INSERT INTO kolony.webhook_secrets (workspace_id, webhook_id, secret) VALUES (in_workspace, made, secret);
    -- Its host alone: the rest of an address may be a secret.
    PERFORM kolony.record_audit(in_workspace, 'WEBHOOK_ADDED', called, jsonb_build_object('host',
        substring(url FROM '^https?://([^/?]+)'), 'kinds', kinds, 'at_least', at_least));
    PERFORM kolony.hint(in_workspace, 'note:*');
    RETURN made;
END
$$;

CREATE FUNCTION kolony.webhook_for_step(the_webhook uuid) RETURNS kolony.webhooks
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    webhook kolony.webhooks;
BEGIN
    SELECT * INTO webhook FROM kolony.webhooks w
    WHERE w.webhook_id = the_webhook AND w.workspace_id = ANY (kolony.my_workspace_ids()) AND w.deleted_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such webhook here' USING ERRCODE = 'P0002', HINT = 'see kolony webhook list';
    END IF;
    PERFORM kolony.require_role(webhook.workspace_id, 'admin');
    RETURN webhook;
END
$$;

-- What is null stays as it is.
CREATE FUNCTION kolony.change_webhook(the_webhook uuid, url text DEFAULT NULL, kinds text[] DEFAULT NULL,
    at_least text DEFAULT NULL, secret text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    webhook kolony.webhooks := kolony.webhook_for_step(the_webhook);
BEGIN
    PERFORM kolony.check_webhook(webhook.name, coalesce(url, webhook.url), coalesce(kinds, webhook.kinds),
        coalesce(at_least, webhook.at_least));
    UPDATE kolony.webhooks w SET url = coalesce(url, w.url), kinds = coalesce(kinds, w.kinds),
        at_least = coalesce(at_least, w.at_least)
    WHERE w.workspace_id = webhook.workspace_id AND w.webhook_id = the_webhook;
    IF secret IS NOT NULL THEN
        PERFORM kolony.check_webhook_secret(secret);
        UPDATE kolony.webhook_secrets s SET secret = secret
        WHERE s.workspace_id = webhook.workspace_id AND s.webhook_id = the_webhook;
    END IF;
    PERFORM kolony.record_audit(webhook.workspace_id, 'WEBHOOK_CHANGED', webhook.name, jsonb_build_object('host',
        substring(coalesce(url, webhook.url) FROM '^https?://([^/?]+)'), 'secret', secret IS NOT NULL));
    PERFORM kolony.hint(webhook.workspace_id, 'note:*');
END
$$;

-- For good: its secret goes with it, and what still waits is not sent any more. The log stays.
CREATE FUNCTION kolony.remove_webhook(the_webhook uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    webhook kolony.webhooks := kolony.webhook_for_step(the_webhook);
BEGIN
    UPDATE kolony.webhooks w SET deleted_at = now()
    WHERE w.workspace_id = webhook.workspace_id AND w.webhook_id = the_webhook;
    DELETE FROM kolony.webhook_secrets s WHERE s.workspace_id = webhook.workspace_id AND s.webhook_id = the_webhook;
    UPDATE kolony.webhook_deliveries d SET state = 'cancelled', next_try_at = NULL, ended_at = now()
    WHERE d.workspace_id = webhook.workspace_id AND d.webhook_id = the_webhook AND d.state = 'pending';
    PERFORM kolony.record_audit(webhook.workspace_id, 'WEBHOOK_REMOVED', webhook.name);
    PERFORM kolony.hint(webhook.workspace_id, 'note:*');
END
$$;

-- The body of a delivery: ids, words made safe, and nothing of what a program printed but its last error.
CREATE FUNCTION kolony.delivery_body(home uuid, the_delivery uuid, event kolony.notification_events) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('id', the_delivery, 'workspace', w.slug, 'kind', event.kind, 'priority', event.priority,
        'title', event.title, 'message', event.message, 'count', event.count, 'at', event.at, 'data', event.data)::text
    FROM kolony.workspaces w WHERE w.workspace_id = home
$$;

-- Puts events into the queue of every webhook that wants them. The news of a webhook's own failure is not sent by any.
CREATE FUNCTION kolony.queue_deliveries(home uuid, events kolony.notification_events[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO kolony.webhook_deliveries (workspace_id, delivery_id, webhook_id, kind, title, body)
    SELECT home, e.delivery_id, w.webhook_id, e.kind, e.title, kolony.delivery_body(home, e.delivery_id, e.event)
    FROM kolony.webhooks w
    CROSS JOIN LATERAL (SELECT x AS event, x.kind, x.title, x.priority, x.event_id,
                               kolony.new_id() AS delivery_id, w.webhook_id FROM unnest(events) x) e
    WHERE w.workspace_id = home AND w.deleted_at IS NULL AND e.kind <> 'webhook_failed'
      AND (w.kinds = '{}' OR e.kind = ANY (w.kinds))
      AND array_position(ARRAY['low', 'medium', 'high', 'critical'], e.priority)
       >= array_position(ARRAY['low', 'medium', 'high', 'critical'], w.at_least)
    ORDER BY w.webhook_id, e.event_id
$$;

CREATE FUNCTION kolony.test_webhook(the_webhook uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    webhook kolony.webhooks := kolony.webhook_for_step(the_webhook);
    made uuid := kolony.new_id();
    event kolony.notification_events;
BEGIN
    event.kind := 'test';
    event.priority := 'low';
    event.title := format('a test of the webhook %s by %s', kolony.plain_words(webhook.name, 100), session_user);
    event.message := '';
    event.count := 1;
    event.at := now();
    event.data := '{}';
    INSERT INTO kolony.webhook_deliveries (workspace_id, delivery_id, webhook_id, kind, title, body)
    VALUES (webhook.workspace_id, made, the_webhook, 'test', event.title,
            kolony.delivery_body(webhook.workspace_id, made, event));
    RETURN made;
END
$$;

-- Takes deliveries that are due (``only``: this one, due or not), signed at this moment:
-- "t=<seconds>,v1=<hex of HMAC-SHA256 over '<seconds>.<body>'>". Whoever takes one has a minute to say what became of it.
CREATE FUNCTION kolony.take_deliveries(in_workspace uuid, up_to integer DEFAULT 10, only_this uuid DEFAULT NULL)
RETURNS TABLE (delivery_id uuid, try integer, url text, body text, signature text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    seconds CONSTANT text := extract(epoch FROM clock_timestamp())::bigint::text;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    RETURN QUERY
    UPDATE kolony.webhook_deliveries d
    SET tries = d.tries + 1, tried_at = clock_timestamp(), next_try_at = clock_timestamp() + interval '1 minute'
    FROM kolony.webhooks w JOIN kolony.webhook_secrets s USING (workspace_id, webhook_id)
    WHERE d.workspace_id = in_workspace AND w.workspace_id = in_workspace AND w.webhook_id = d.webhook_id
      AND d.delivery_id IN (
          SELECT q.delivery_id FROM kolony.webhook_deliveries q
          WHERE q.workspace_id = in_workspace AND q.state = 'pending'
            AND CASE WHEN only_this IS NULL THEN q.next_try_at <= clock_timestamp() ELSE q.delivery_id = only_this END
          ORDER BY q.next_try_at LIMIT least(up_to, 100) FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING d.delivery_id, d.tries, w.url, d.body, 't=' || seconds || ',v1=' || encode(kolony.hmac_sha256(
        convert_to(s.secret, 'UTF8'), convert_to(seconds || '.' || d.body, 'UTF8')), 'hex');
END
$$;

-- What became of a try: a status below 300 is done. Otherwise again after 30 s, 1, 2, 4 ... minutes, each with up to
-- half of it as jitter, ten times in all (about 5 hours). Of somebody who took too long nothing is heard any more.
CREATE FUNCTION kolony.end_delivery(the_delivery uuid, of_try integer, status integer, error text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    delivery kolony.webhook_deliveries;
    done CONSTANT boolean := coalesce(status BETWEEN 200 AND 299, false);
    its_name text;
BEGIN
    SELECT * INTO delivery FROM kolony.webhook_deliveries d
    WHERE d.delivery_id = the_delivery AND d.workspace_id = ANY (kolony.my_workspace_ids()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such delivery here' USING ERRCODE = 'P0002';
    END IF;
    PERFORM kolony.require_role(delivery.workspace_id, 'admin');
    IF delivery.state <> 'pending' OR delivery.tries <> of_try THEN
        RETURN delivery.state;
    END IF;
    delivery.state := CASE WHEN done THEN 'delivered' WHEN of_try >= 10 THEN 'failed' ELSE 'pending' END;
    UPDATE kolony.webhook_deliveries d SET state = delivery.state, last_status = status,
        last_error = CASE WHEN NOT done THEN kolony.plain_words(error, 500) END,
        next_try_at = CASE WHEN delivery.state = 'pending' THEN clock_timestamp()
            + make_interval(secs => 30 * power(2, of_try - 1) * (1 + random() / 2)) END,
        ended_at = CASE WHEN delivery.state <> 'pending' THEN clock_timestamp() END
    WHERE d.workspace_id = delivery.workspace_id AND d.delivery_id = the_delivery;
    IF delivery.state = 'failed' THEN
        SELECT w.name INTO its_name FROM kolony.webhooks w
        WHERE w.workspace_id = delivery.workspace_id AND w.webhook_id = delivery.webhook_id;
        PERFORM kolony.notify_people(delivery.workspace_id, 'webhook_failed', 'medium',
            format('the webhook %s does not take what it is sent', its_name), error,
            jsonb_build_object('webhook_id', delivery.webhook_id, 'webhook', its_name),
            'webhook_failed:' || delivery.webhook_id);
    END IF;
    PERFORM kolony.hint(delivery.workspace_id, 'note:*');
    RETURN delivery.state;
END
$$;

COMMENT ON FUNCTION kolony.add_webhook(uuid, text, text, text, text[], text) IS 'admin: add a webhook';
COMMENT ON FUNCTION kolony.change_webhook(uuid, text, text[], text, text) IS 'admin: change a webhook';
COMMENT ON FUNCTION kolony.remove_webhook(uuid) IS 'admin: remove a webhook';
COMMENT ON FUNCTION kolony.test_webhook(uuid) IS 'admin: have a webhook sent a test';
COMMENT ON FUNCTION kolony.take_deliveries(uuid, integer, uuid) IS 'admin: carry what webhooks are to be sent';
COMMENT ON FUNCTION kolony.end_delivery(uuid, integer, integer, text) IS 'admin: say what a webhook answered';

GRANT EXECUTE ON FUNCTION kolony.add_webhook(uuid, text, text, text, text[], text),
    kolony.change_webhook(uuid, text, text[], text, text), kolony.remove_webhook(uuid), kolony.test_webhook(uuid),
    kolony.take_deliveries(uuid, integer, uuid), kolony.end_delivery(uuid, integer, integer, text) TO kolony_user;

RESET ROLE;
