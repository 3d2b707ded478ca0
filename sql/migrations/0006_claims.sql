-- What a runner does: open a session, claim, renew, start, finish, hand back. The attempt's id is the fence of every write.

SET LOCAL ROLE kolony_api;

-- Ends the sessions that stopped renewing and takes their runs back: into the queue after a backoff, or to their end
-- when the tries are used up. Called by whoever asks next, so it depends on no job that must be alive.
CREATE FUNCTION kolony.settle_lost(home uuid, of_agent uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone record;
    held record;
    settled integer := 0;
    -- A range that one agent or all fit into, so that one plan serves both by the index.
    lowest CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    highest CONSTANT uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
BEGIN
    FOR gone IN
        SELECT s.session_id, s.agent_id, s.host FROM kolony.agent_sessions s
        WHERE s.workspace_id = home
          AND s.session_id IN (
              SELECT o.session_id FROM kolony.agent_sessions o
              WHERE o.workspace_id = home AND o.ended_at IS NULL
                AND o.agent_id BETWEEN coalesce(of_agent, lowest) AND coalesce(of_agent, highest)
              UNION ALL
              SELECT l.session_id FROM kolony.leases l WHERE l.workspace_id = home
                AND l.agent_id BETWEEN coalesce(of_agent, lowest) AND coalesce(of_agent, highest))
          AND (s.ended_at IS NOT NULL OR s.last_seen + make_interval(secs => s.lease_seconds) < clock_timestamp())
        ORDER BY s.session_id
        FOR UPDATE SKIP LOCKED
    LOOP
        -- Not while the agent is being retired: that waits for commands which this call may hold already.
        PERFORM FROM kolony.agents a
        WHERE a.workspace_id = home AND a.agent_id = gone.agent_id FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        UPDATE kolony.agent_sessions s
        SET ended_at = now(), end_reason = 'stopped answering'
        WHERE s.workspace_id = home AND s.session_id = gone.session_id AND s.ended_at IS NULL;
        FOR held IN
            SELECT r.run_id, r.command_id, l.attempt_id FROM kolony.leases l
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            WHERE l.workspace_id = home AND l.session_id = gone.session_id
            ORDER BY r.run_id FOR NO KEY UPDATE OF r SKIP LOCKED -- who holds one is just deciding about it
        LOOP
            PERFORM kolony.end_attempt(home, held.attempt_id, 'lost', NULL, NULL,
                'the runner on ' || coalesce(nullif(gone.host, ''), 'an unknown host') || ' stopped answering');
            settled := settled + 1;
        END LOOP;
        PERFORM kolony.hint(home, 'agent:' || gone.agent_id);
    END LOOP;
    RETURN settled;
END
$$;

-- Ends an attempt and decides about its run. The caller holds the run's lock. False: the attempt had no lease any more.
CREATE FUNCTION kolony.end_attempt(home uuid, the_attempt uuid, ended text, with_exit_code integer,
    with_signal integer, with_error text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held kolony.leases;
    run kolony.runs;
    command kolony.commands;
    this kolony.attempts;
    tries integer;
    pause_ms double precision;
    verdict text;
    why text := "left"(with_error, 10000);
BEGIN
    DELETE FROM kolony.leases l WHERE l.workspace_id = home AND l.attempt_id = the_attempt RETURNING * INTO held;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE kolony.attempts t SET ended_at = now(), outcome = ended, exit_code = with_exit_code, signal = with_signal,
        error = why
    WHERE t.workspace_id = home AND t.attempt_id = the_attempt RETURNING * INTO this;
    SELECT * INTO STRICT run FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id;
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = run.command_id;
    tries := run.failed_tries + (ended IN ('failed', 'lost'))::integer;
    verdict := CASE
        WHEN ended IN ('completed', 'cancelled') THEN ended
        WHEN run.cancel_at IS NOT NULL THEN 'cancelled'
        WHEN ended = 'failed' AND (command.retry_on = 'lost' OR tries >= command.max_attempts) THEN 'failed'
        WHEN ended = 'lost' AND tries >= command.max_attempts THEN 'failed'
        WHEN kolony.is_retired(home, held.agent_id) THEN 'cancelled' END;
    IF verdict = 'cancelled' AND ended <> 'cancelled' AND run.cancel_at IS NULL THEN
        why := concat_ws('; ', 'its agent was retired', why);
    ELSIF ended = 'lost' AND verdict = 'cancelled' THEN
        why := 'cancel not confirmed: ' || why;
    ELSIF ended = 'lost' AND verdict = 'failed' THEN
        why := format('attempt %s of %s was lost: %s', tries, command.max_attempts, why);
    END IF;
    UPDATE kolony.runs r SET outcome = verdict, finished_at = CASE WHEN verdict IS NULL THEN NULL ELSE now() END,
        exit_code = with_exit_code, error = why, failed_tries = tries
    WHERE r.workspace_id = home AND r.run_id = held.run_id;
    IF verdict IS NOT NULL THEN
        PERFORM kolony.roll_up(home, run.command_id);
    ELSIF ended = 'released' THEN
        -- Handed back unharmed: it keeps its place, by the time at which it was asked for.
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, attempt)
        VALUES (home, held.run_id, held.agent_id, run.priority, run.created_at, this.number + 1);
    ELSE
        -- Full jitter on an exponential backoff: random between half and all of base * 2^(tries - 1), at most 5 minutes.
        SELECT least(w.backoff_seconds * 1000.0 * power(2, tries - 1), 300000) * (0.5 + random() / 2) INTO pause_ms
        FROM kolony.workspaces w WHERE w.workspace_id = home;
        INSERT INTO kolony.scheduled_runs (workspace_id, run_id, agent_id, priority, due_at, attempt)
        VALUES (home, held.run_id, held.agent_id, run.priority,
                now() + make_interval(secs => pause_ms / 1000.0), this.number + 1);
    END IF;
    RETURN true;
END
$$;

-- For people: what a viewer's screen may set right too, because the clock has decided it already.
CREATE FUNCTION kolony.settle(in_workspace uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN kolony.settle_lost(in_workspace, NULL);
END
$$;

CREATE FUNCTION kolony.open_session(on_host text, with_pid integer, with_version text, with_adapter text,
    with_concurrency integer)
RETURNS TABLE (session_id uuid, workspace_id uuid, workspace text, agent_id uuid, agent text, agent_type text,
    channel text, heartbeat_seconds integer, lease_seconds integer, schema_version integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    agent kolony.agents;
    home kolony.workspaces;
    made uuid;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = token.workspace_id AND a.agent_id = token.agent_id;
    IF agent.desired = 'retired' THEN
        RAISE EXCEPTION 'the agent "%" is retired', agent.name USING ERRCODE = '55000', HINT = 'an operator can resume it';
    END IF;
    SELECT * INTO STRICT home FROM kolony.workspaces w WHERE w.workspace_id = token.workspace_id;
    PERFORM kolony.settle_lost(token.workspace_id, token.agent_id);
    INSERT INTO kolony.agent_sessions AS s (workspace_id, agent_id, token_id, host, pid, version, adapter, concurrency,
        lease_seconds)
    VALUES (token.workspace_id, token.agent_id, token.token_id, "left"(coalesce(on_host, ''), 255), with_pid,
        "left"(coalesce(with_version, ''), 100), "left"(coalesce(with_adapter, ''), 100), with_concurrency,
        home.lease_seconds)
    RETURNING s.session_id INTO made;
    UPDATE kolony.agent_tokens t SET last_used_at = now(), last_used_from = inet_client_addr()
    WHERE t.workspace_id = token.workspace_id AND t.token_id = token.token_id;
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
    RETURN QUERY SELECT made, home.workspace_id, home.slug, agent.agent_id, agent.name, agent.type, home.channel,
        home.heartbeat_seconds, home.lease_seconds, kolony.schema_version();
END
$$;

-- The session of this token, alive by the database's clock; refuses with KO001 (fenced) otherwise.
CREATE FUNCTION kolony.my_session(the_session uuid) RETURNS kolony.agent_sessions
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    session kolony.agent_sessions;
BEGIN
    SELECT * INTO session FROM kolony.agent_sessions s
    WHERE s.workspace_id = token.workspace_id AND s.session_id = the_session AND s.agent_id = token.agent_id
      AND s.token_id = token.token_id AND s.ended_at IS NULL
      AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this session has ended' USING ERRCODE = 'KO001', HINT = 'open a new one';
    END IF;
    RETURN session;
END
$$;

-- Renews the leases of a whole session in one write and answers with what its runner must know:
-- 'cancel' (a run to end, with the reason), 'lost' (an attempt it believes to hold and does not), 'unknown' (one that it
-- holds and does not believe to: the answer to its claim was lost on the way), 'paused', 'retired'.
CREATE FUNCTION kolony.beat(the_session uuid, with_health jsonb, holding uuid[])
RETURNS TABLE (what text, run_id uuid, attempt_id uuid, why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
BEGIN
    UPDATE kolony.agent_sessions s SET last_seen = now(), ready = true, health = coalesce(with_health, s.health)
    WHERE s.workspace_id = session.workspace_id AND s.session_id = the_session AND s.ended_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this session has ended' USING ERRCODE = 'KO001', HINT = 'open a new one';
    END IF;
    -- To the minute is enough for people, and costs a read most of the time.
    UPDATE kolony.agent_tokens t SET last_used_at = now(), last_used_from = inet_client_addr()
    WHERE t.workspace_id = session.workspace_id AND t.token_id = session.token_id
      AND t.last_used_at < now() - interval '1 minute';
    RETURN QUERY
    SELECT 'cancel', r.run_id, l.attempt_id, coalesce(r.cancel_why, '')
    FROM kolony.leases l JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session AND r.cancel_at IS NOT NULL
    UNION ALL
    SELECT 'lost', NULL, h, '' FROM unnest(holding) h
    WHERE NOT EXISTS (SELECT FROM kolony.leases l
                      WHERE l.workspace_id = session.workspace_id AND l.attempt_id = h AND l.session_id = the_session)
    UNION ALL
    SELECT 'unknown', l.run_id, l.attempt_id, '' FROM kolony.leases l
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session AND l.attempt_id <> ALL (holding)
    UNION ALL
    SELECT a.desired, NULL, NULL, a.desired_why FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id AND a.desired <> 'active';
END
$$;

-- Takes up to this many runs of the agent's queue, each with a new attempt. The agent's row is locked in a statement of
-- its own, so that the next one counts with a fresh snapshot.
CREATE FUNCTION kolony.claim_runs(the_session uuid, up_to integer)
RETURNS TABLE (run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer,
    content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
    agent kolony.agents;
    room integer;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id FOR NO KEY UPDATE;
    IF agent.desired <> 'active' THEN
        RETURN;
    END IF;
    PERFORM FROM kolony.agent_sessions s
    WHERE s.workspace_id = session.workspace_id AND s.session_id = the_session FOR SHARE;
    session := kolony.my_session(the_session);
    PERFORM kolony.settle_lost(session.workspace_id, session.agent_id);
    room := least(up_to, session.concurrency - (SELECT count(*) FROM kolony.leases l
        WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session));
    IF room <= 0 THEN
        RETURN;
    END IF;
    PERFORM kolony.ensure_output_partition(current_date);
    WITH due AS (
        DELETE FROM kolony.scheduled_runs d
        WHERE (d.workspace_id, d.run_id) IN (
            SELECT f.workspace_id, f.run_id FROM kolony.scheduled_runs f
            WHERE f.workspace_id = session.workspace_id AND f.agent_id = session.agent_id AND f.due_at <= now()
            FOR UPDATE SKIP LOCKED)
        RETURNING d.*)
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, attempt)
    SELECT due.workspace_id, due.run_id, due.agent_id, due.priority, due.due_at, due.attempt FROM due;
    RETURN QUERY
    WITH next AS MATERIALIZED (
        SELECT q.run_id FROM kolony.ready_runs q
        WHERE q.workspace_id = session.workspace_id AND q.agent_id = session.agent_id
        ORDER BY q.priority DESC, q.enqueued_at, q.run_id LIMIT room FOR UPDATE SKIP LOCKED),
    taken AS (
        DELETE FROM kolony.ready_runs q USING next
        WHERE q.workspace_id = session.workspace_id AND q.run_id = next.run_id
        RETURNING q.*),
    tried AS (
        INSERT INTO kolony.attempts AS t (workspace_id, run_id, number, agent_id, session_id)
        SELECT taken.workspace_id, taken.run_id, taken.attempt, taken.agent_id, the_session FROM taken
        RETURNING t.*),
    leased AS (
        INSERT INTO kolony.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
        SELECT tried.workspace_id, tried.run_id, tried.attempt_id, tried.agent_id, the_session FROM tried)
    SELECT tried.run_id, tried.attempt_id, tried.number, c.command_id, c.number, r.ordinal, c.content,
           agent.instructions, agent.config, c.time_limit_ms, c.max_attempts::integer, cardinality(c.targets)
    FROM tried
    JOIN taken ON taken.run_id = tried.run_id
    JOIN kolony.runs r ON r.workspace_id = tried.workspace_id AND r.run_id = tried.run_id
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    ORDER BY taken.priority DESC, taken.enqueued_at, taken.run_id;
END
$$;

-- The lease behind an attempt of this token, or KO001: another attempt may hold the run by now.
CREATE FUNCTION kolony.my_lease(the_attempt uuid) RETURNS kolony.leases
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    held kolony.leases;
BEGIN
    SELECT l.* INTO held FROM kolony.leases l
    JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
    WHERE l.workspace_id = token.workspace_id AND l.attempt_id = the_attempt AND l.agent_id = token.agent_id
      AND s.token_id = token.token_id AND s.ended_at IS NULL
      AND s.last_seen + make_interval(secs => s.lease_seconds) >= clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this attempt has no lease any more' USING ERRCODE = 'KO001', HINT = 'stop its work';
    END IF;
    RETURN held;
END
$$;

CREATE FUNCTION kolony.start_attempt(the_attempt uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    UPDATE kolony.attempts t SET started_at = coalesce(t.started_at, now())
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt AND t.ended_at IS NULL;
END
$$;

-- Ends an attempt. Its output must be whole: the runner says how many chunks it wrote, and a missing one is an error
-- (KO002) that names it. Saying the same end twice is fine: the answer to the first may have been lost on the way.
CREATE FUNCTION kolony.finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer,
    with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
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
    PERFORM kolony.my_lease(the_attempt);
    SELECT r.* INTO run FROM kolony.runs r
    JOIN kolony.attempts t ON t.workspace_id = r.workspace_id AND t.run_id = r.run_id
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt FOR NO KEY UPDATE OF r;
    held := kolony.my_lease(the_attempt); -- again: it may have passed on while this call waited for the run
    IF ended = 'cancelled' AND run.cancel_at IS NULL THEN
        RAISE EXCEPTION 'nobody asked to cancel this run' USING ERRCODE = '55000';
    END IF;
    hole := kolony.output_hole(held.workspace_id, held.run_id, the_attempt, chunks);
    IF hole IS NOT NULL THEN
        RAISE EXCEPTION 'the output has a hole: %', hole USING ERRCODE = 'KO002', HINT = 'append the missing chunks';
    END IF;
    UPDATE kolony.attempts t SET usage = coalesce(with_usage, '{}'), chunk_count = chunks, byte_count = bytes,
        line_count = lines
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt;
    IF NOT kolony.end_attempt(held.workspace_id, the_attempt, ended, with_exit_code, with_signal, with_error) THEN
        RAISE EXCEPTION 'this attempt has no lease any more' USING ERRCODE = 'KO001', HINT = 'stop its work';
    END IF;
END
$$;

CREATE FUNCTION kolony.close_session(the_session uuid, because text, was_error boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
BEGIN
    UPDATE kolony.agent_sessions s SET ended_at = now(), end_reason = "left"(because, 1000), end_error = was_error
    WHERE s.workspace_id = token.workspace_id AND s.session_id = the_session AND s.agent_id = token.agent_id
      AND s.token_id = token.token_id AND s.ended_at IS NULL;
    PERFORM kolony.settle_lost(token.workspace_id, token.agent_id);
    PERFORM kolony.hint(token.workspace_id, 'agent:' || token.agent_id);
END
$$;

-- Announces what machines do in volume, in a transaction that only notifies and so writes no log.
CREATE FUNCTION kolony.announce(hints text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    one text;
BEGIN
    FOR one IN SELECT DISTINCT h FROM unnest(hints[1:100]) h WHERE h ~ '^(agent|run|output):[0-9a-f-]{36}$' LOOP
        PERFORM kolony.hint(token.workspace_id, one);
    END LOOP;
END
$$;

COMMENT ON FUNCTION kolony.settle(uuid) IS 'viewer: take note of runners that stopped answering';
GRANT EXECUTE ON FUNCTION kolony.settle(uuid) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.open_session(text, integer, text, text, integer), kolony.beat(uuid, jsonb, uuid[]),
    kolony.claim_runs(uuid, integer), kolony.start_attempt(uuid),
    kolony.finish_attempt(uuid, text, integer, integer, text, jsonb, bigint, bigint, bigint),
    kolony.close_session(uuid, text, boolean), kolony.announce(text[]) TO kolony_agents;

RESET ROLE;
