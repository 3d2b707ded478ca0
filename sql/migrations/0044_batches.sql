-- Batches: claims, begins and ends of many attempts in one call.
--
-- What a batch cannot do at once and for sure it leaves alone, so that one attempt never holds up or loses the others:
-- whoever asked says each of those by itself (finish_attempt) and hears why.

SET LOCAL ROLE kolony_api;

-- Takes runs as claim_runs does, and with at_once begins them in the same breath. brief: what the attempt alone has to
-- know, shared: what all of the agent's attempts have to, in the first row only (see begin_attempt). Fewer than up_to
-- are taken also where their texts are large together (8 MiB): whoever can take more asks again.
--
-- Planned once for all, and so that no statistics can mislead: the queue is read by its index, in its order, and what was
-- read is taken by its place in the table.
CREATE FUNCTION kolony.claim_attempts(the_session uuid, up_to integer, at_once boolean DEFAULT true)
RETURNS TABLE (run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer,
    content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer,
    kind text, subjects uuid[], token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer,
    brief jsonb, shared jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    session kolony.agent_sessions;
    agent kolony.agents;
    room integer;
    stopped boolean;
    budgeted boolean;
    due boolean;
    lost boolean;
    unpaid_commands uuid[];
    unpaid_presets uuid[];
    unpaid_people uuid[];
    closed boolean;
    some_unpaid boolean := false;
    places tid[];
    picked uuid[];
    tried_runs uuid[];
    tries uuid[];
    numbers integer[];
    light integer;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = token.workspace_id AND a.agent_id = token.agent_id FOR NO KEY UPDATE;
    PERFORM FROM kolony.agent_sessions s
    WHERE s.workspace_id = token.workspace_id AND s.session_id = the_session AND s.agent_id = token.agent_id FOR SHARE;
    session := kolony.my_session(the_session);
    -- Behind the locks, and in one look: what nearly never is there is asked for by name only where it is.
    SELECT least(up_to, session.concurrency - (SELECT count(*) FROM kolony.leases l
               WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session)),
           EXISTS (SELECT FROM kolony.stops s WHERE s.workspace_id = session.workspace_id AND s.lifted_at IS NULL),
           EXISTS (SELECT FROM kolony.budgets b
                   WHERE b.workspace_id = session.workspace_id AND b.removed_at IS NULL),
           EXISTS (SELECT FROM kolony.scheduled_runs f
                   WHERE f.workspace_id = session.workspace_id AND f.agent_id = session.agent_id AND f.due_at <= now()),
           EXISTS (SELECT FROM kolony.agent_sessions s
                   WHERE s.workspace_id = session.workspace_id AND s.agent_id = session.agent_id AND s.ended_at IS NULL
                     AND s.last_seen + make_interval(secs => s.lease_seconds) < clock_timestamp())
           OR EXISTS (SELECT FROM (
                          SELECT DISTINCT l.session_id FROM kolony.leases l
                          WHERE l.workspace_id = session.workspace_id AND l.agent_id = session.agent_id
                            AND l.session_id <> the_session) h
                      JOIN kolony.agent_sessions s
                          ON s.workspace_id = session.workspace_id AND s.session_id = h.session_id
                      WHERE s.ended_at IS NOT NULL
                         OR s.last_seen + make_interval(secs => s.lease_seconds) < clock_timestamp())
    INTO room, stopped, budgeted, due, lost;
    IF agent.desired <> 'active' OR stopped AND NOT kolony.pass_gate(session.workspace_id, session.agent_id) THEN
        RETURN;
    END IF;
    IF lost THEN
        PERFORM kolony.settle_lost(session.workspace_id, session.agent_id);
    END IF;
    IF room <= 0 THEN
        RETURN;
    END IF;
    IF budgeted THEN
        SELECT u.closed, u.commands, u.presets, u.people INTO closed, unpaid_commands, unpaid_presets, unpaid_people
        FROM kolony.unpaid(session.workspace_id, session.agent_id) u;
        IF closed THEN
            RETURN;
        END IF;
        some_unpaid := num_nonnulls(unpaid_commands, unpaid_presets, unpaid_people) > 0;
    END IF;
    IF due THEN
        PERFORM kolony.make_due(session.workspace_id, session.agent_id);
    END IF;
    SELECT array_agg(n.place), array_agg(n.run_id) INTO places, picked FROM (
        SELECT q.ctid AS place, q.run_id FROM kolony.ready_runs q
        WHERE q.workspace_id = session.workspace_id AND q.agent_id = session.agent_id
          AND NOT (some_unpaid AND EXISTS (
              SELECT FROM kolony.runs r
              JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
              WHERE r.workspace_id = q.workspace_id AND r.run_id = q.run_id
                AND (c.command_id = ANY (unpaid_commands) OR c.preset_id = ANY (unpaid_presets)
                     OR c.created_by = ANY (unpaid_people))))
        ORDER BY q.priority DESC, q.place, q.run_id LIMIT room FOR UPDATE SKIP LOCKED) n;
    IF picked IS NULL THEN
        PERFORM kolony.settle_blocked(session.workspace_id, session.agent_id);
        RETURN;
    END IF;
    IF to_regclass('kolony.output_chunks_' || to_char(current_date, 'YYYY_MM')) IS NULL THEN
        PERFORM kolony.ensure_output_partition(current_date);
    END IF;
    IF cardinality(picked) > 10 THEN
        light := kolony.count_light(session.workspace_id, picked, 8388608);
        places := places[:light];
    END IF;
    WITH taken AS (
        DELETE FROM kolony.ready_runs q WHERE q.ctid = ANY (places) RETURNING q.workspace_id, q.run_id, q.attempt),
    tried AS (
        INSERT INTO kolony.attempts AS t (workspace_id, run_id, number, agent_id, session_id, started_at)
        SELECT taken.workspace_id, taken.run_id, taken.attempt, session.agent_id, the_session,
               CASE WHEN at_once THEN now() END
        FROM taken
        RETURNING t.run_id, t.attempt_id, t.number),
    leased AS (
        INSERT INTO kolony.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
        SELECT session.workspace_id, tried.run_id, tried.attempt_id, session.agent_id, the_session FROM tried)
    SELECT array_agg(tried.run_id), array_agg(tried.attempt_id), array_agg(tried.number)
    INTO tried_runs, tries, numbers FROM tried;
    RETURN QUERY
    SELECT p.run_id, p.attempt_id, p.number, c.command_id, c.number, r.ordinal, c.content,
           -- Nothing is added to a natural command's.
           CASE c.kind WHEN 'natural' THEN coalesce(agent.instructions, '')
                       ELSE kolony.instructed(agent.instructions, c.kind) END, agent.config, c.time_limit_ms, c.max_attempts::integer,
           cardinality(c.targets), c.kind, c.subjects, c.token_budget, c.memory_limit_mb, c.cpu_limit_percent,
           CASE WHEN at_once AND (budgeted OR EXISTS (
                    SELECT FROM kolony.messages m WHERE m.workspace_id = session.workspace_id AND m.run_id = p.run_id))
                THEN kolony.run_brief(session.workspace_id, p.run_id, budgeted) END,
           CASE WHEN at_once AND p.run_id = picked[1] THEN kolony.agent_brief(session.workspace_id, session.agent_id) END
    -- One by one, by their keys: joined, all of a workspace's runs may be read where statistics say that there are none.
    FROM unnest(tried_runs, tries, numbers) AS p (run_id, attempt_id, number)
    CROSS JOIN LATERAL (SELECT * FROM kolony.runs
                        WHERE workspace_id = session.workspace_id AND run_id = p.run_id OFFSET 0) r
    CROSS JOIN LATERAL (SELECT * FROM kolony.commands
                        WHERE workspace_id = session.workspace_id AND command_id = r.command_id OFFSET 0) c
    ORDER BY array_position(picked, p.run_id);
    IF cardinality(places) < room THEN
        PERFORM kolony.settle_blocked(session.workspace_id, session.agent_id);
    END IF;
END
$$;

-- What it calls is planned as ever.
ALTER FUNCTION kolony.settle_blocked(uuid, uuid)
    SET plan_cache_mode = auto SET enable_seqscan = on SET enable_bitmapscan = on SET enable_sort = on;
ALTER FUNCTION kolony.settle_lost(uuid, uuid)
    SET plan_cache_mode = auto SET enable_seqscan = on SET enable_bitmapscan = on SET enable_sort = on;

-- Scheduled runs of an agent whose time has come join its queue.
CREATE FUNCTION kolony.make_due(home uuid, of_agent uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.scheduled_runs f
                   WHERE f.workspace_id = home AND f.agent_id = of_agent AND f.due_at <= now()) THEN
        RETURN;
    END IF;
    WITH due AS (
        DELETE FROM kolony.scheduled_runs d
        WHERE (d.workspace_id, d.run_id) IN (
            SELECT f.workspace_id, f.run_id FROM kolony.scheduled_runs f
            WHERE f.workspace_id = home AND f.agent_id = of_agent AND f.due_at <= now()
            FOR UPDATE SKIP LOCKED)
        RETURNING d.*)
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, place, attempt)
    SELECT due.workspace_id, due.run_id, due.agent_id, due.priority, due.due_at, extract(epoch FROM due.due_at), due.attempt
    FROM due;
END
$$;

-- How many of these runs, from the first, have texts of together not more than so many bytes; at least one.
CREATE FUNCTION kolony.count_light(home uuid, of_runs uuid[], bytes bigint) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT greatest(1, count(*) FILTER (WHERE w.so_far <= bytes)) FROM (
            SELECT sum(octet_length(c.content)) OVER (ORDER BY p.nth) AS so_far
            FROM unnest(of_runs) WITH ORDINALITY AS p (run_id, nth)
            JOIN kolony.runs r ON r.workspace_id = home AND r.run_id = p.run_id
            JOIN kolony.commands c ON c.workspace_id = home AND c.command_id = r.command_id) w);
END
$$;

-- The two parts of what begin_attempt answers: what is of the run, and what is of its agent.
CREATE FUNCTION kolony.run_brief(home uuid, the_run uuid, priced boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_thread CONSTANT boolean := EXISTS (SELECT FROM kolony.messages m WHERE m.workspace_id = home AND m.run_id = the_run);
BEGIN
    IF NOT of_thread AND NOT priced THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'conversation', CASE WHEN of_thread THEN kolony.conversation_brief(home, the_run) END,
        'budget_usd', CASE WHEN priced THEN kolony.budget_brief(home, the_run) END));
END
$$;

CREATE FUNCTION kolony.agent_brief(home uuid, of_agent uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'variables', CASE WHEN EXISTS (SELECT FROM kolony.agent_variables v
                                       WHERE v.workspace_id = home AND v.agent_id = of_agent)
                          THEN kolony.variables_brief(home, of_agent) END,
        'memory', CASE WHEN EXISTS (SELECT FROM kolony.agent_notes n
                                    WHERE n.workspace_id = home AND n.agent_id = of_agent)
                       THEN kolony.memory_brief(home, of_agent) END,
        'settings', kolony.settings_brief(home)));
END
$$;

CREATE OR REPLACE FUNCTION kolony.begin_attempt(the_attempt uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    PERFORM kolony.start_attempt(the_attempt);
    RETURN kolony.agent_brief(held.workspace_id, held.agent_id)
        || coalesce(kolony.run_brief(held.workspace_id, held.run_id, true), '{}');
END
$$;

CREATE OR REPLACE FUNCTION kolony.claim_runs(the_session uuid, up_to integer)
RETURNS TABLE (run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer,
    content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer,
    kind text, subjects uuid[], token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    RETURN QUERY SELECT c.run_id, c.attempt_id, c.attempt, c.command_id, c.command_number, c.ordinal, c.content,
        c.instructions, c.config, c.time_limit_ms, c.max_attempts, c.target_count, c.kind, c.subjects, c.token_budget,
        c.memory_limit_mb, c.cpu_limit_percent
    FROM kolony.claim_attempts(the_session, up_to, false) c;
END
$$;

-- Ends attempts that have completed: each an object of attempt_id, exit_code, signal, error, usage, chunks, bytes, lines
-- and warning, as finish_attempt takes them. Answers with those that have ended so, now or before.
--
-- Left alone: what is not this agent's any more, what has a hole in its output, and a run that somebody holds, for
-- whom the others would have to wait.
CREATE FUNCTION kolony.complete_attempts(ends jsonb) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    RETURN QUERY SELECT * FROM kolony.end_completed(ends);
END
$$;

CREATE FUNCTION kolony.end_completed(ends jsonb) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    asked CONSTANT uuid[] := ARRAY(SELECT (e ->> 'attempt_id')::uuid FROM jsonb_array_elements(ends) e);
    mine uuid[];
    commands uuid[];
    done uuid[];
BEGIN
    -- In their order, before anything else is touched; what has passed on meanwhile is found out below.
    mine := ARRAY(
        SELECT h.attempt_id FROM (
            SELECT l.attempt_id FROM unnest(asked) a
            JOIN kolony.leases l ON l.workspace_id = token.workspace_id AND l.attempt_id = a
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            WHERE l.agent_id = token.agent_id
            ORDER BY r.run_id FOR NO KEY UPDATE OF r SKIP LOCKED) h);
    WITH said AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(ends) AS e (attempt_id uuid, exit_code integer, signal integer, error text,
            usage jsonb, chunks bigint, bytes bigint, lines bigint, warning text)),
    gone AS (
        DELETE FROM kolony.leases l
        USING said e, kolony.agent_sessions s, kolony.attempts t
        WHERE l.workspace_id = token.workspace_id AND l.attempt_id = ANY (mine) AND l.agent_id = token.agent_id
          AND e.attempt_id = l.attempt_id
          AND s.workspace_id = l.workspace_id AND s.session_id = l.session_id AND s.token_id = token.token_id
          AND s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp()
          AND t.workspace_id = l.workspace_id AND t.attempt_id = l.attempt_id
          -- No hole: as kolony.output_hole finds it, which says more.
          AND (SELECT count(*) = e.chunks AND coalesce(max(c.seq), -1) = e.chunks - 1 FROM kolony.output_chunks c
               WHERE c.workspace_id = l.workspace_id AND c.run_id = l.run_id AND c.attempt = t.number
                 AND c.day = t.output_day)
        RETURNING l.attempt_id),
    ended AS (
        UPDATE kolony.attempts t SET ended_at = now(), outcome = 'completed', exit_code = e.exit_code,
            signal = e.signal, error = "left"(e.error, 10000), usage = coalesce(e.usage, '{}'), chunk_count = e.chunks,
            byte_count = e.bytes, line_count = e.lines, warning = nullif("left"(e.warning, 1000), '')
        FROM gone JOIN said e USING (attempt_id)
        WHERE t.workspace_id = token.workspace_id AND t.attempt_id = gone.attempt_id
        RETURNING t.attempt_id, t.run_id, t.exit_code, t.error, t.warning),
    settled AS (
        UPDATE kolony.runs r SET outcome = 'completed', finished_at = now(), updated_at = now(),
            exit_code = ended.exit_code, error = ended.error, limit_hit = NULL, reason = NULL, warning = ended.warning
        FROM ended WHERE r.workspace_id = token.workspace_id AND r.run_id = ended.run_id
        RETURNING r.command_id, ended.attempt_id)
    SELECT array_agg(DISTINCT settled.command_id), array_agg(settled.attempt_id) INTO commands, done FROM settled;
    IF commands IS NOT NULL THEN
        PERFORM kolony.roll_up_all(token.workspace_id, commands);
    END IF;
    IF cardinality(done) = cardinality(asked) THEN
        RETURN QUERY SELECT unnest(done);
        RETURN;
    END IF;
    RETURN QUERY SELECT t.attempt_id FROM kolony.attempts t
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = ANY (asked) AND t.agent_id = token.agent_id
      AND t.outcome = 'completed';
END
$$;

-- kolony.roll_up for many commands.
CREATE FUNCTION kolony.roll_up_all(home uuid, the_commands uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    windowed uuid[];
    each uuid;
BEGIN
    SELECT array_agg(k.command_id) FILTER (WHERE k.at_a_time IS NOT NULL) INTO windowed FROM (
        SELECT c.command_id, c.at_a_time FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = ANY (the_commands) ORDER BY c.command_id FOR NO KEY UPDATE) k;
    UPDATE kolony.commands c SET outcome = k.ended, updated_at = now(),
        finished_at = CASE WHEN k.ended IS NULL THEN NULL ELSE now() END
    FROM unnest(the_commands) AS u (command_id) CROSS JOIN LATERAL (
        SELECT CASE WHEN bool_or(r.outcome IS NULL) THEN NULL
                    WHEN bool_or(r.outcome = 'failed') THEN 'failed'
                    WHEN bool_or(r.outcome = 'cancelled') THEN 'cancelled'
                    ELSE 'completed' END AS ended
        FROM kolony.runs r WHERE r.workspace_id = home AND r.command_id = u.command_id) k
    WHERE c.workspace_id = home AND c.command_id = u.command_id AND c.outcome IS DISTINCT FROM k.ended;
    IF windowed IS NULL THEN
        RETURN;
    END IF;
    FOR each IN
        SELECT c.command_id FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = ANY (windowed) AND c.outcome IS NULL
        ORDER BY c.command_id
    LOOP
        PERFORM kolony.fill_window(home, each);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION kolony.finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer,
    with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint, limit_hit text DEFAULT NULL,
    reason text DEFAULT NULL, warning text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    held kolony.leases;
    run kolony.runs;
    hole text;
BEGIN
    PERFORM FROM kolony.attempts t
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt AND t.agent_id = token.agent_id
      AND t.outcome = ended;
    IF FOUND THEN
        RETURN;
    END IF;
    IF ended IS NULL OR ended NOT IN ('completed', 'failed', 'cancelled', 'released') THEN
        RAISE EXCEPTION 'an attempt ends as completed, failed, cancelled or released' USING ERRCODE = '22023';
    END IF;
    IF limit_hit NOT IN ('time_limit', 'token_budget', 'memory_limit', 'cpu_limit', 'budget') THEN
        RAISE EXCEPTION 'a limit is time_limit, token_budget, memory_limit, cpu_limit or budget'
            USING ERRCODE = '22023';
    END IF;
    IF reason !~ '^[a-z][a-z0-9_]{0,59}$' THEN
        RAISE EXCEPTION 'a reason is one word of small letters, digits and _' USING ERRCODE = '22023';
    END IF;
    IF ended = 'completed' THEN
        PERFORM kolony.end_completed(jsonb_build_array(jsonb_build_object('attempt_id', the_attempt,
            'exit_code', with_exit_code, 'signal', with_signal, 'error', with_error, 'usage', with_usage,
            'chunks', chunks, 'bytes', bytes, 'lines', lines, 'warning', warning)));
        PERFORM FROM kolony.attempts t
        WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt AND t.agent_id = token.agent_id
          AND t.outcome = ended;
        IF FOUND THEN
            RETURN;
        END IF;
        -- It was left alone: below it is ended after a wait, or refused with the reason.
    END IF;
    PERFORM kolony.my_lease(the_attempt);
    SELECT r.* INTO run FROM kolony.runs r
    JOIN kolony.attempts t ON t.workspace_id = r.workspace_id AND t.run_id = r.run_id
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt FOR NO KEY UPDATE OF r;
    held := kolony.my_lease(the_attempt); -- again: it may have passed on while this call waited for the run
    IF ended = 'cancelled' AND run.cancel_at IS NULL AND run.interrupt_at IS NULL THEN
        RAISE EXCEPTION 'nobody asked to cancel this run' USING ERRCODE = '55000';
    END IF;
    hole := kolony.output_hole(held.workspace_id, held.run_id, the_attempt, chunks);
    IF hole IS NOT NULL THEN
        RAISE EXCEPTION 'the output has a hole: %', hole USING ERRCODE = 'KO002', HINT = 'append the missing chunks';
    END IF;
    UPDATE kolony.attempts t SET usage = coalesce(with_usage, '{}'), chunk_count = chunks, byte_count = bytes,
        line_count = lines, limit_hit = CASE WHEN ended = 'failed' THEN limit_hit END,
        reason = CASE WHEN ended = 'failed' THEN reason END, warning = nullif("left"(warning, 1000), '')
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt;
    IF NOT kolony.end_attempt(held.workspace_id, the_attempt, ended, with_exit_code, with_signal, with_error) THEN
        RAISE EXCEPTION 'this attempt has no lease any more' USING ERRCODE = 'KO001', HINT = 'stop its work';
    END IF;
END
$$;

-- All in one statement; ``kind:*`` stands for more of a kind than are worth naming.
CREATE OR REPLACE FUNCTION kolony.announce(hints text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
BEGIN
    IF pg_notification_queue_usage() < 0.5 THEN
        PERFORM pg_notify(w.channel, h.hint) FROM kolony.workspaces w
        CROSS JOIN (SELECT DISTINCT e AS hint FROM unnest(hints[1:100]) e
                    WHERE e ~ '^(agent|run|output|trace|artifact|conversation):([0-9a-f-]{36}|\*)$') h
        WHERE w.workspace_id = token.workspace_id;
    END IF;
END
$$;

-- Triggers of the ends of runs, once a statement: a batch of them costs little more than one.

-- As kolony.record_audit for COMMAND_COMPLETED, and kolony.note_ended_command, for all that have just ended.
CREATE FUNCTION kolony.note_ended_commands() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid;
    ended record;
    today date;
BEGIN
    IF NOT EXISTS (SELECT FROM became n JOIN was o USING (workspace_id, command_id)
                   WHERE n.outcome IS NOT NULL AND o.outcome IS DISTINCT FROM n.outcome) THEN
        RETURN NULL;
    END IF;
    me := kolony.my_profile_id();
    today := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    IF to_regclass('kolony.audit_log_' || to_char(today, 'YYYY_MM')) IS NULL THEN
        PERFORM kolony.ensure_audit_partition(today);
    END IF;
    PERFORM pg_current_xact_id(); -- as kolony.record_audit does
    INSERT INTO kolony.audit_log (workspace_id, entry_id, at, event, login, profile_id, client_address, application,
        command_id, subject, details)
    SELECT n.workspace_id, nextval('kolony.audit_entries'), clock_timestamp(), 'COMMAND_COMPLETED', session_user, me,
           inet_client_addr(), "left"(current_setting('application_name'), 64), n.command_id, '#' || n.number,
           jsonb_build_object('outcome', n.outcome, 'agents', cardinality(n.targets))
    FROM became n JOIN was o USING (workspace_id, command_id)
    WHERE n.outcome IS NOT NULL AND o.outcome IS DISTINCT FROM n.outcome;
    -- Nobody is told by default.
    IF NOT EXISTS (SELECT FROM kolony.notification_rules r
                   WHERE r.kind = 'command_ended' AND r.enabled AND r.deleted_at IS NULL
                     AND r.workspace_id IN (SELECT n.workspace_id FROM became n)) THEN
        RETURN NULL;
    END IF;
    FOR ended IN
        SELECT n.workspace_id, n.command_id, n.number, n.outcome, n.title, n.created_by, cardinality(n.targets) AS agents
        FROM became n JOIN was o USING (workspace_id, command_id)
        WHERE n.outcome IS NOT NULL AND o.outcome IS NULL AND n.submitted_at IS NOT NULL
        ORDER BY n.command_id
    LOOP
        PERFORM kolony.notify_people(ended.workspace_id, 'command_ended', 'low',
            format('#%s has %s', ended.number, CASE ended.outcome WHEN 'cancelled' THEN 'been cancelled'
                                                                  ELSE ended.outcome END),
            ended.title, jsonb_build_object('command_id', ended.command_id, 'reference', '#' || ended.number,
                'outcome', ended.outcome, 'agents', ended.agents),
            format('command_ended:%s', ended.command_id), NULL, NULL, ended.created_by);
    END LOOP;
    RETURN NULL;
END
$$;

-- kolony.close_questions for the attempts that have just ended.
CREATE FUNCTION kolony.close_questions_of_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    closed record;
BEGIN
    IF NOT EXISTS (SELECT FROM became n JOIN kolony.approvals p
                       ON p.workspace_id = n.workspace_id AND p.run_id = n.run_id AND p.agent_id = n.agent_id
                   WHERE p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL) THEN
        RETURN NULL;
    END IF;
    FOR closed IN
        UPDATE kolony.approvals p SET
            expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
            cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
            cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE 'its attempt has ended' END
        FROM became n JOIN was o USING (workspace_id, attempt_id)
        WHERE o.outcome IS NULL AND n.outcome IS NOT NULL
          AND p.workspace_id = n.workspace_id AND p.run_id = n.run_id AND p.agent_id = n.agent_id
          AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
        RETURNING p.workspace_id, p.approval_id
    LOOP
        PERFORM kolony.hint(closed.workspace_id, 'inbox:' || closed.approval_id);
    END LOOP;
    RETURN NULL;
END
$$;

-- kolony.answer_message for one run.
CREATE FUNCTION kolony.answer_message_of(ended kolony.runs) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.messages;
    last kolony.attempts;
    reply kolony.messages;
    about text;
BEGIN
    SELECT * INTO asked FROM kolony.messages m
    WHERE m.workspace_id = ended.workspace_id AND m.run_id = ended.run_id AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM FROM kolony.conversations c
    WHERE c.workspace_id = asked.workspace_id AND c.conversation_id = asked.conversation_id FOR NO KEY UPDATE;
    UPDATE kolony.messages m SET unanswered = ended.outcome IS NULL
    WHERE m.workspace_id = asked.workspace_id AND m.conversation_id = asked.conversation_id AND m.number = asked.number;
    IF ended.outcome IS NULL THEN
        PERFORM kolony.hint(asked.workspace_id, 'conversation:' || asked.conversation_id);
        RETURN;
    END IF;
    SELECT * INTO last FROM kolony.attempts t
    WHERE t.workspace_id = ended.workspace_id AND t.run_id = ended.run_id ORDER BY t.number DESC LIMIT 1;
    reply.command_id := ended.command_id;
    reply.run_id := ended.run_id;
    reply.attempt_id := last.attempt_id;
    IF last.attempt_id IS NOT NULL THEN
        DELETE FROM kolony.conversation_replies y
        WHERE y.workspace_id = ended.workspace_id AND y.attempt_id = last.attempt_id
        RETURNING y.content, y.cut INTO reply.content, reply.cut;
        IF NOT FOUND THEN
            SELECT p.content, p.cut INTO reply.content, reply.cut FROM kolony.printed_end(ended.workspace_id, last) p;
        END IF;
    END IF;
    IF reply.content ~ '\S' THEN
        reply.origin := 'agent';
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
    about := '#' || (SELECT c.number FROM kolony.commands c
                     WHERE c.workspace_id = ended.workspace_id AND c.command_id = ended.command_id);
    IF ended.outcome <> 'completed' OR coalesce(reply.content, '') !~ '\S' THEN
        reply.origin := 'note';
        reply.cut := false;
        reply.content := CASE ended.outcome
            WHEN 'completed' THEN about || ' ended without an answer'
            WHEN 'failed' THEN concat_ws(': ', about || ' failed', "left"(ended.error, 2000))
            ELSE concat_ws(': ', about || ' was cancelled', "left"(coalesce(nullif(ended.cancel_why, ''), ended.error), 2000)) END;
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
END
$$;

-- Answers the messages whose runs have just ended, or go on after all.
CREATE FUNCTION kolony.answer_messages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended kolony.runs;
BEGIN
    FOR ended IN
        SELECT n.* FROM became n JOIN was o USING (workspace_id, run_id)
        WHERE (o.outcome IS NULL) <> (n.outcome IS NULL)
          AND EXISTS (SELECT FROM kolony.messages m
                      WHERE m.workspace_id = n.workspace_id AND m.run_id = n.run_id AND m.origin = 'person')
        ORDER BY n.run_id
    LOOP
        PERFORM kolony.answer_message_of(ended);
    END LOOP;
    RETURN NULL;
END
$$;

GRANT EXECUTE ON FUNCTION kolony.claim_attempts(uuid, integer, boolean), kolony.complete_attempts(jsonb)
    TO kolony_agents;
GRANT EXECUTE ON FUNCTION kolony.note_ended_commands(), kolony.close_questions_of_ended(), kolony.answer_messages()
    TO kolony_owner;

SET LOCAL ROLE kolony_owner;

DROP TRIGGER audit_completed ON kolony.commands;
DROP TRIGGER note_ended ON kolony.commands;
CREATE TRIGGER note_ended AFTER UPDATE ON kolony.commands REFERENCING OLD TABLE AS was NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.note_ended_commands();
DROP TRIGGER close_questions ON kolony.attempts;
CREATE TRIGGER close_questions AFTER UPDATE ON kolony.attempts REFERENCING OLD TABLE AS was NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.close_questions_of_ended();
DROP TRIGGER answer_message ON kolony.runs;
CREATE TRIGGER answer_message AFTER UPDATE ON kolony.runs REFERENCING OLD TABLE AS was NEW TABLE AS became
    FOR EACH STATEMENT EXECUTE FUNCTION kolony.answer_messages();
-- Not where the statement says the time itself.
DROP TRIGGER stamp_update ON kolony.runs;
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.runs
    FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION kolony.stamp_update();
DROP TRIGGER stamp_update ON kolony.commands;
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.commands
    FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION kolony.stamp_update();

RESET ROLE;
