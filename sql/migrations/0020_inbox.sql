-- The inbox: what waits for a person, ranked by tiers that each row explains; what they put off or are done with; and
-- the same answer to several questions at once.

SET LOCAL ROLE kolony_owner;

-- What a person did about an item of their inbox. No foreign key: some items are derived.
CREATE TABLE kolony.inbox_marks (
    workspace_id  uuid NOT NULL REFERENCES kolony.workspaces,
    profile_id    uuid NOT NULL REFERENCES kolony.profiles,
    item_id       uuid NOT NULL,
    snoozed_until timestamptz,
    done_at       timestamptz,
    marked_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, profile_id, item_id)
);
CREATE INDEX inbox_marks_by_person ON kolony.inbox_marks (profile_id);
SELECT kolony.protect('kolony.inbox_marks');
CREATE POLICY own ON kolony.inbox_marks FOR SELECT
    USING (profile_id = (SELECT kolony.my_profile_id())
           AND workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
COMMENT ON POLICY own ON kolony.inbox_marks IS 'member: see what of your inbox you put off or are done with';
GRANT SELECT ON kolony.inbox_marks TO kolony_user;

CREATE INDEX commands_failed ON kolony.commands (workspace_id, created_by, finished_at) WHERE outcome = 'failed';

SET LOCAL ROLE kolony_api;

-- A length of time as people say it: '4 min', '2 h', '3 days'.
CREATE FUNCTION kolony.in_words(length interval) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN s < 60 THEN s || ' s' WHEN s < 3600 THEN s / 60 || ' min' WHEN s < 172800 THEN s / 3600 || ' h'
                ELSE s / 86400 || ' days' END
    FROM (SELECT greatest(extract(epoch FROM length)::bigint, 0)) seconds (s)
$$;

CREATE FUNCTION kolony.counted(number bigint, thing text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT number || ' ' || thing || CASE WHEN number = 1 THEN '' ELSE 's' END
$$;

-- What of a text is the same in others of its kind: paths, ids and numbers are taken out.
CREATE FUNCTION kolony.likeness(kind text, title text, detail text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT md5(kind || ' ' || regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        lower("left"(title, 500) || ' ' || "left"(detail, 2000)),
        '[[:alnum:]_.~-]*/[^[:space:]''"]*', '/', 'g'),
        '\m[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\M|\m(?=[a-f]*[0-9])[0-9a-f]{7,}\M', '@', 'g'),
        '[0-9]+', '#', 'g'),
        '\s+', ' ', 'g'))
$$;

-- Questions that are open.
CREATE FUNCTION kolony.inbox_questions(home uuid)
RETURNS TABLE (item_id uuid, kind text, agent_id uuid, run_id uuid, command_id uuid, title text, detail text,
    options jsonb, risk text, since timestamptz, expires_at timestamptz, blocks bigint, blocked_agents bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p.approval_id, p.kind, p.agent_id, p.run_id, r.command_id, p.title, p.detail, p.options, p.risk,
           p.created_at, p.expires_at, 1 + k.runs, 1 + k.others
    FROM kolony.approvals p
    JOIN kolony.runs r ON r.workspace_id = p.workspace_id AND r.run_id = p.run_id
    CROSS JOIN LATERAL (
        -- Those behind it in its agent's queue, and those that come after its command.
        SELECT count(*) AS runs, count(DISTINCT b.agent_id) FILTER (WHERE b.agent_id <> p.agent_id) AS others
        FROM (SELECT q.run_id, q.agent_id FROM kolony.ready_runs q
              WHERE q.workspace_id = p.workspace_id AND q.agent_id = p.agent_id
              UNION
              SELECT f.run_id, f.agent_id FROM kolony.command_dependencies d
              JOIN kolony.blocked_runs f ON f.workspace_id = d.workspace_id AND f.command_id = d.command_id AND f.after
              WHERE d.workspace_id = p.workspace_id AND d.after_id = r.command_id LIMIT 1000) b) k
    WHERE p.workspace_id = home AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
      AND (p.expires_at IS NULL OR p.expires_at > now());
END
$$;

-- What failed within a week of the commands that are this person's, and, for an admin, of those that belong to nobody
-- here any more. The newest 500.
CREATE FUNCTION kolony.inbox_failures(home uuid, me uuid)
RETURNS TABLE (item_id uuid, kind text, agent_id uuid, run_id uuid, command_id uuid, title text, detail text,
    options jsonb, risk text, since timestamptz, expires_at timestamptz, blocks bigint, blocked_agents bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    senders uuid[] := ARRAY[me];
BEGIN
    IF kolony.holds_role(home, 'admin') THEN
        senders := senders || ARRAY(
            SELECT p.profile_id FROM kolony.profiles p
            LEFT JOIN kolony.memberships m ON m.workspace_id = home AND m.profile_id = p.profile_id
            WHERE m.disabled IS NOT FALSE);
    END IF;
    RETURN QUERY
    WITH mine AS MATERIALIZED (
        SELECT newest.command_id, newest.title FROM unnest(senders) sender
        CROSS JOIN LATERAL (
            SELECT c.command_id, c.title FROM kolony.commands c
            WHERE c.workspace_id = home AND c.created_by = sender AND c.outcome = 'failed'
              AND c.finished_at > now() - interval '7 days'
            ORDER BY c.finished_at DESC LIMIT 500) newest
        UNION ALL
        -- One that has several runs goes on after a failure.
        SELECT c.command_id, c.title FROM kolony.commands c
        WHERE c.workspace_id = home AND c.outcome IS NULL AND c.created_by = ANY (senders)
          AND cardinality(c.targets) > 1)
    SELECT md5('failure ' || r.run_id || ' ' || r.finished_at)::uuid,
           CASE WHEN r.limit_hit IS NULL THEN 'failure' ELSE 'limit' END, r.agent_id, r.run_id, r.command_id,
           CASE WHEN r.limit_hit IS NULL THEN 'failed: ' ELSE replace(r.limit_hit, '_', ' ') || ' reached: ' END
               || mine.title, coalesce(r.error, ''), '[]'::jsonb, 'medium'::text, r.finished_at, NULL::timestamptz,
           k.runs, k.others
    FROM mine
    JOIN kolony.runs r ON r.workspace_id = home AND r.command_id = mine.command_id AND r.outcome = 'failed'
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs, count(DISTINCT f.agent_id) AS others FROM kolony.command_dependencies d
        JOIN kolony.blocked_runs f ON f.workspace_id = d.workspace_id AND f.command_id = d.command_id AND f.after
        WHERE d.workspace_id = home AND d.after_id = r.command_id) k
    WHERE r.finished_at > now() - interval '7 days'
    ORDER BY r.finished_at DESC LIMIT 500;
END
$$;

-- Agents that are wanted, have work and no runner; and agents that did not confirm a stop.
CREATE FUNCTION kolony.inbox_agents(home uuid)
RETURNS TABLE (item_id uuid, kind text, agent_id uuid, run_id uuid, command_id uuid, title text, detail text,
    options jsonb, risk text, since timestamptz, expires_at timestamptz, blocks bigint, blocked_agents bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT md5('gone ' || a.agent_id || ' ' || coalesce(newest.session_id::text, ''))::uuid, 'gone', a.agent_id,
           NULL::uuid, NULL::uuid,
           CASE WHEN newest.session_id IS NULL THEN 'never connected' ELSE 'gone' END || ', '
               || concat_ws(' and ', CASE WHEN held.runs > 0 THEN kolony.counted(held.runs, 'run') || ' in hand' END,
                                     CASE WHEN queue.runs > 0 THEN kolony.counted(queue.runs, 'run') || ' waiting' END),
           coalesce(newest.end_reason, ''), '[]'::jsonb, CASE WHEN held.runs > 0 THEN 'high' ELSE 'low' END,
           coalesce(newest.ended_at, newest.last_seen, a.created_at), NULL::timestamptz, held.runs + queue.runs, 1::bigint
    FROM kolony.agents a
    LEFT JOIN LATERAL (
        SELECT s.session_id, s.ended_at, s.last_seen, s.end_reason FROM kolony.agent_sessions s
        WHERE s.workspace_id = home AND s.agent_id = a.agent_id ORDER BY s.session_id DESC LIMIT 1) newest ON true
    CROSS JOIN LATERAL (SELECT count(*) AS runs FROM kolony.leases l
                        WHERE l.workspace_id = home AND l.agent_id = a.agent_id) held
    CROSS JOIN LATERAL (
        SELECT count(*) AS runs FROM (
            SELECT FROM kolony.ready_runs q WHERE q.workspace_id = home AND q.agent_id = a.agent_id LIMIT 10000) w) queue
    WHERE a.workspace_id = home AND a.desired = 'active' AND held.runs + queue.runs > 0
      AND NOT EXISTS (SELECT FROM kolony.agent_sessions s
                      WHERE s.workspace_id = home AND s.agent_id = a.agent_id AND s.ended_at IS NULL
                        AND s.last_seen + make_interval(secs => s.lease_seconds) >= now());
    RETURN QUERY
    SELECT md5('stop ' || o.stop_id || ' ' || o.agent_id)::uuid, 'stop', o.agent_id, NULL::uuid, NULL::uuid,
           'the emergency stop is not confirmed',
           concat_ws('; ', CASE WHEN o.running > 0 THEN kolony.counted(o.running, 'run') || ' may still be at work'
                     ELSE 'what it was at may go on unseen' END,
                     'runner on ' || nullif(o.host, ''), nullif(s.why, '')),
           '[]'::jsonb, 'high'::text, o.since, NULL::timestamptz, o.running, 1::bigint
    FROM kolony.stops s
    JOIN kolony.stop_acknowledgements o ON o.workspace_id = s.workspace_id AND o.stop_id = s.stop_id
    WHERE s.workspace_id = home AND s.lifted_at IS NULL AND o.state = 'not confirmed';
END
$$;

-- What waits for me, in the order in which it should be seen to: what is urgent (a stop that is not confirmed, or what
-- expires within 15 minutes), what blocks others, what is of high risk, and the rest; in each by how much of it, then by
-- age. ``why`` says for each row what put it there. The first 1000; without ``hidden`` what I put off or am done with is
-- left out.
CREATE FUNCTION kolony.inbox(in_workspace uuid, hidden boolean DEFAULT false, longest integer DEFAULT 65536)
RETURNS TABLE (item_id uuid, kind text, tier text, why text, agent_id uuid, agent text, run_id uuid,
    command_number bigint, ordinal integer, target_count integer, title text, detail text, options jsonb, risk text, since timestamptz,
    expires_at timestamptz, blocks bigint, blocked_agents bigint, likeness text, snoozed_until timestamptz,
    done_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN QUERY
    WITH found AS (
        SELECT * FROM kolony.inbox_questions(in_workspace)
        UNION ALL SELECT * FROM kolony.inbox_failures(in_workspace, me)
        UNION ALL SELECT * FROM kolony.inbox_agents(in_workspace)),
    placed AS (
        SELECT f.*, m.snoozed_until, m.done_at,
               CASE WHEN f.kind = 'stop' OR f.expires_at < now() + interval '15 minutes' THEN 1
                    WHEN f.blocks > 1 THEN 2
                    WHEN f.risk = 'high' THEN 3 ELSE 4 END AS place
        FROM found f
        LEFT JOIN kolony.inbox_marks m
            ON m.workspace_id = in_workspace AND m.profile_id = me AND m.item_id = f.item_id
        WHERE hidden OR m.item_id IS NULL OR m.done_at IS NULL AND coalesce(m.snoozed_until, '-infinity') <= now()),
    ranked AS MATERIALIZED (
        SELECT p.*, row_number() OVER (
                   ORDER BY p.place, CASE WHEN p.place = 1 THEN coalesce(p.expires_at, '-infinity') END, p.blocks DESC,
                            array_position(ARRAY['high', 'medium', 'low'], p.risk), p.since, p.item_id) AS rank
        FROM placed p ORDER BY rank LIMIT 1000)
    SELECT p.item_id, p.kind, (ARRAY['urgent', 'blocks others', 'high risk', 'by age'])[p.place],
           concat_ws('; ',
               CASE WHEN p.expires_at IS NOT NULL THEN 'expires in ' || kolony.in_words(p.expires_at - now()) END,
               CASE WHEN p.kind = 'stop' THEN 'not confirmed for ' || kolony.in_words(now() - p.since) END,
               CASE WHEN p.blocks > 0 THEN 'blocks ' || kolony.counted(p.blocks, 'run')
                   || coalesce(' on ' || CASE WHEN p.blocked_agents > 1
                                              THEN kolony.counted(p.blocked_agents, 'agent') END, '') END,
               CASE WHEN p.risk <> 'low' AND p.kind IN ('permission', 'question') THEN p.risk || ' risk' END,
               CASE WHEN p.kind <> 'stop' THEN 'for ' || kolony.in_words(now() - p.since) END),
           p.agent_id, a.name, p.run_id, c.number, r.ordinal, cardinality(c.targets), p.title,
           "left"(p.detail, longest), p.options, p.risk, p.since, p.expires_at, p.blocks, p.blocked_agents,
           CASE WHEN p.kind IN ('gone', 'stop') THEN md5(p.kind) ELSE kolony.likeness(p.kind, p.title, p.detail) END,
           p.snoozed_until, p.done_at
    FROM ranked p
    JOIN kolony.agents a ON a.workspace_id = in_workspace AND a.agent_id = p.agent_id
    LEFT JOIN kolony.runs r ON r.workspace_id = in_workspace AND r.run_id = p.run_id
    LEFT JOIN kolony.commands c ON c.workspace_id = in_workspace AND c.command_id = r.command_id
    ORDER BY p.rank;
END
$$;

-- Puts items of my inbox off until then (null: they are back), or, with ``done``, takes what needs no answer out of it.
CREATE FUNCTION kolony.mark_inbox(in_workspace uuid, items uuid[], until timestamptz, done boolean DEFAULT false)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    wrong record;
    marked integer;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    IF until > now() + interval '366 days' THEN
        RAISE EXCEPTION 'it can be put off for at most a year' USING ERRCODE = '22023';
    END IF;
    SELECT w.item_id, i.kind INTO wrong FROM unnest(items) w (item_id)
    LEFT JOIN kolony.inbox(in_workspace, true, 0) i ON i.item_id = w.item_id
    WHERE i.item_id IS NULL OR done AND i.kind IN ('permission', 'question') LIMIT 1;
    IF FOUND AND wrong.kind IS NULL THEN
        RAISE EXCEPTION 'there is no item % in your inbox', wrong.item_id
            USING ERRCODE = 'P0002', HINT = 'it may be settled already; see kolony inbox';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'a question is not done until it is answered'
            USING ERRCODE = '55000', HINT = 'answer it, or put it off';
    END IF;
    INSERT INTO kolony.inbox_marks AS m (workspace_id, profile_id, item_id, snoozed_until, done_at)
    SELECT DISTINCT in_workspace, me, w, CASE WHEN NOT done THEN until END, CASE WHEN done THEN now() END
    FROM unnest(items) w
    ON CONFLICT (workspace_id, profile_id, item_id) DO UPDATE
    SET snoozed_until = EXCLUDED.snoozed_until, done_at = EXCLUDED.done_at, marked_at = now();
    GET DIAGNOSTICS marked = ROW_COUNT;
    -- What is long settled will not come back.
    DELETE FROM kolony.inbox_marks m WHERE m.workspace_id = in_workspace AND m.profile_id = me
      AND m.marked_at < now() - interval '30 days' AND coalesce(m.snoozed_until, '-infinity') < now();
    PERFORM kolony.hint(in_workspace, 'inbox:' || me);
    RETURN marked;
END
$$;

-- The same answer to several questions, each for itself: what refuses says why and keeps none of the others.
CREATE FUNCTION kolony.answer_approvals(approvals uuid[], allow boolean, answer text DEFAULT NULL,
    note text DEFAULT NULL)
RETURNS TABLE (approval_id uuid, became text, refused text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    one uuid;
BEGIN
    IF coalesce(cardinality(approvals), 0) NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION '1 to 1000 questions are answered at once' USING ERRCODE = '22023';
    END IF;
    FOR one IN SELECT DISTINCT w FROM unnest(approvals) w ORDER BY w LOOP
        BEGIN
            approval_id := one;
            became := kolony.answer_approval(one, allow, answer, note);
            refused := NULL;
        EXCEPTION WHEN no_data_found OR object_not_in_prerequisite_state OR invalid_parameter_value THEN
            became := NULL;
            refused := SQLERRM;
        END;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION kolony.inbox(uuid, boolean, integer) IS 'viewer: see what waits for you, what is urgent first';
COMMENT ON FUNCTION kolony.mark_inbox(uuid, uuid[], timestamptz, boolean) IS
    'viewer: put off items of your inbox, or be done with them';
COMMENT ON FUNCTION kolony.answer_approvals(uuid[], boolean, text, text) IS
    'operator: give several questions of agents the same answer';
GRANT EXECUTE ON FUNCTION kolony.inbox(uuid, boolean, integer), kolony.mark_inbox(uuid, uuid[], timestamptz, boolean),
    kolony.answer_approvals(uuid[], boolean, text, text) TO kolony_user;

RESET ROLE;
