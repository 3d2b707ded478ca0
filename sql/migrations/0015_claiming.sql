-- Claims of runs with kinds and limits, and how attempts end: interrupts, limits, failures that stop the rest.

SET LOCAL ROLE kolony_api;

-- As in 0006; with no agent named, also what waits without a reason is found.
CREATE OR REPLACE FUNCTION kolony.settle_lost(home uuid, of_agent uuid) RETURNS integer
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
    IF of_agent IS NULL THEN
        PERFORM kolony.settle_blocked(home, NULL);
    END IF;
    RETURN settled;
END
$$;

-- What becomes of a run whose attempt ended so; null: it is tried again. "tries" counts this attempt.
CREATE FUNCTION kolony.verdict_on(run kolony.runs, command kolony.commands, ended text, tries integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN ended IN ('completed', 'cancelled') THEN ended
        WHEN run.cancel_at IS NOT NULL OR run.interrupt_at IS NOT NULL THEN 'cancelled'
        WHEN ended = 'failed' AND (command.retry_on = 'lost' OR tries >= command.max_attempts) THEN 'failed'
        WHEN ended = 'lost' AND tries >= command.max_attempts THEN 'failed' END
$$;

-- As in 0006; a run that somebody interrupted is not tried again, and a failure may stop the rest of the command.
CREATE OR REPLACE FUNCTION kolony.end_attempt(home uuid, the_attempt uuid, ended text, with_exit_code integer,
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
    verdict := kolony.verdict_on(run, command, ended, tries);
    IF verdict IS NULL AND kolony.is_retired(home, held.agent_id) THEN
        verdict := 'cancelled';
        why := concat_ws('; ', 'its agent was retired', why);
    ELSIF ended = 'lost' AND verdict = 'cancelled' THEN
        why := CASE WHEN run.cancel_at IS NOT NULL THEN 'cancel' ELSE 'interrupt' END || ' not confirmed: ' || why;
    ELSIF verdict = 'cancelled' AND run.cancel_at IS NULL THEN
        why := "left"(concat_ws('; ', concat_ws(': ', 'interrupted', nullif(run.interrupt_why, '')), why), 10000);
    ELSIF ended = 'lost' AND verdict = 'failed' THEN
        why := format('attempt %s of %s was lost: %s', tries, command.max_attempts, why);
    END IF;
    UPDATE kolony.runs r SET outcome = verdict, finished_at = CASE WHEN verdict IS NULL THEN NULL ELSE now() END,
        exit_code = with_exit_code, error = why, failed_tries = tries, limit_hit = this.limit_hit
    WHERE r.workspace_id = home AND r.run_id = held.run_id;
    IF verdict IS NOT NULL THEN
        IF verdict = 'failed' AND command.stop_after IS NOT NULL THEN
            PERFORM kolony.stop_at_failures(home, run.command_id);
        END IF;
        PERFORM kolony.roll_up(home, run.command_id);
    ELSIF ended = 'released' THEN
        -- Handed back unharmed: it keeps its place, by the time at which it was asked for.
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, place, attempt)
        VALUES (home, held.run_id, held.agent_id, run.priority, run.created_at, extract(epoch FROM run.created_at),
                this.number + 1);
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

-- Holds what waits of a command once as many of its runs have failed as it bears. The command is taken before they are
-- counted, so that of two that fail at once the second one counts both; runs that somebody holds just then are passed.
CREATE FUNCTION kolony.stop_at_failures(home uuid, the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands;
    waiting kolony.blocked_runs;
    each uuid;
    failures bigint;
    held integer := 0;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c
    WHERE c.workspace_id = home AND c.command_id = the_command FOR NO KEY UPDATE;
    SELECT count(*) INTO failures FROM kolony.runs r
    WHERE r.workspace_id = home AND r.command_id = the_command AND r.outcome = 'failed';
    IF failures < command.stop_after THEN
        RETURN;
    END IF;
    FOR each IN
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command AND r.outcome IS NULL AND r.held_at IS NULL
          AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = r.run_id)
        ORDER BY r.run_id FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        waiting := kolony.take_waiting(home, each);
        CONTINUE WHEN waiting.run_id IS NULL;
        waiting.held := true;
        waiting.beyond := command.at_a_time IS NOT NULL;
        PERFORM kolony.put_waiting(waiting);
        UPDATE kolony.runs r SET held_at = now(), held_by = NULL,
            held_why = format('%s of the command''s runs failed', failures)
        WHERE r.workspace_id = home AND r.run_id = each;
        held := held + 1;
    END LOOP;
    IF held > 0 THEN
        PERFORM kolony.record_audit(home, 'COMMAND_HELD', '#' || command.number,
            jsonb_build_object('failures', failures, 'stop_after', command.stop_after, 'held', held), NULL, the_command);
        PERFORM kolony.hint(home, 'agents:*');
    END IF;
END
$$;

-- As in 0006. Also: 'interrupt' (a run to interrupt once, with the reason), 'answered' (the approval of an attempt that
-- has its end), 'stopped' (no claims: an emergency stop is on).
CREATE OR REPLACE FUNCTION kolony.beat(the_session uuid, with_health jsonb, holding uuid[])
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
    SELECT CASE WHEN r.cancel_at IS NOT NULL THEN 'cancel' ELSE 'interrupt' END, r.run_id, l.attempt_id,
           coalesce(CASE WHEN r.cancel_at IS NOT NULL THEN r.cancel_why ELSE r.interrupt_why END, '')
    FROM kolony.leases l JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session
      AND (r.cancel_at IS NOT NULL OR r.interrupt_at IS NOT NULL AND r.interrupt_heard_at IS NULL)
    UNION ALL
    SELECT 'lost', NULL, h, '' FROM unnest(holding) h
    WHERE NOT EXISTS (SELECT FROM kolony.leases l
                      WHERE l.workspace_id = session.workspace_id AND l.attempt_id = h AND l.session_id = the_session)
    UNION ALL
    SELECT 'unknown', l.run_id, l.attempt_id, '' FROM kolony.leases l
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session AND l.attempt_id <> ALL (holding)
    UNION ALL
    SELECT 'answered', f.run_id, f.attempt_id, f.approval_id::text
    FROM kolony.answered_for(session.workspace_id, the_session) f
    UNION ALL
    SELECT 'stopped', NULL, NULL, s.why FROM kolony.stops s
    WHERE s.workspace_id = session.workspace_id
      AND s.stop_id = kolony.stop_in_force(session.workspace_id, session.agent_id)
    UNION ALL
    SELECT a.desired, NULL, NULL, a.desired_why FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id AND a.desired <> 'active';
END
$$;

-- As in 0006, unless an emergency stop is on, and in the order of the places. A session that gets less than it has room
-- for looks after what is blocked; what that lets go is told by a hint.
DROP FUNCTION kolony.claim_runs(uuid, integer);
CREATE FUNCTION kolony.claim_runs(the_session uuid, up_to integer)
RETURNS TABLE (run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer,
    content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer,
    kind text, subjects uuid[], token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
    agent kolony.agents;
    room integer;
    got integer;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id FOR NO KEY UPDATE;
    IF agent.desired <> 'active' OR NOT kolony.pass_gate(session.workspace_id, session.agent_id) THEN
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
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, place, attempt)
    SELECT due.workspace_id, due.run_id, due.agent_id, due.priority, due.due_at, extract(epoch FROM due.due_at), due.attempt
    FROM due;
    RETURN QUERY
    WITH next AS MATERIALIZED (
        SELECT q.run_id FROM kolony.ready_runs q
        WHERE q.workspace_id = session.workspace_id AND q.agent_id = session.agent_id
        ORDER BY q.priority DESC, q.place, q.run_id LIMIT room FOR UPDATE SKIP LOCKED),
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
           kolony.instructed(agent.instructions, c.kind), agent.config, c.time_limit_ms, c.max_attempts::integer,
           cardinality(c.targets),
           c.kind, c.subjects, c.token_budget, c.memory_limit_mb, c.cpu_limit_percent
    FROM tried
    JOIN taken ON taken.run_id = tried.run_id
    JOIN kolony.runs r ON r.workspace_id = tried.workspace_id AND r.run_id = tried.run_id
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    ORDER BY taken.priority DESC, taken.place, taken.run_id;
    GET DIAGNOSTICS got = ROW_COUNT;
    IF got < room THEN
        PERFORM kolony.settle_blocked(session.workspace_id, session.agent_id);
    END IF;
END
$$;

-- As in 0006, with the limit that was hit.
DROP FUNCTION kolony.finish_attempt(uuid, text, integer, integer, text, jsonb, bigint, bigint, bigint);
CREATE FUNCTION kolony.finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer,
    with_error text, with_usage jsonb, chunks bigint, bytes bigint, lines bigint, limit_hit text DEFAULT NULL)
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
    IF limit_hit NOT IN ('time_limit', 'token_budget', 'memory_limit', 'cpu_limit') THEN
        RAISE EXCEPTION 'a limit is time_limit, token_budget, memory_limit or cpu_limit' USING ERRCODE = '22023';
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
        line_count = lines, limit_hit = CASE WHEN ended = 'failed' THEN limit_hit END
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt;
    IF NOT kolony.end_attempt(held.workspace_id, the_attempt, ended, with_exit_code, with_signal, with_error) THEN
        RAISE EXCEPTION 'this attempt has no lease any more' USING ERRCODE = 'KO001', HINT = 'stop its work';
    END IF;
END
$$;

-- A runner says what it did to end or interrupt an attempt of its agent: heard, protocol_cancel, sigint, sigterm,
-- sigkill, ended, gone. Also just after the attempt's end; the hundredth step of an attempt is the last one kept.
CREATE FUNCTION kolony.note_step(the_attempt uuid, step text, detail text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    this kolony.attempts;
BEGIN
    IF step IS NULL OR step NOT IN ('heard', 'protocol_cancel', 'sigint', 'sigterm', 'sigkill', 'ended', 'gone') THEN
        RAISE EXCEPTION 'a step is heard, protocol_cancel, sigint, sigterm, sigkill, ended or gone' USING ERRCODE = '22023';
    END IF;
    SELECT t.* INTO this FROM kolony.attempts t
    WHERE t.workspace_id = token.workspace_id AND t.attempt_id = the_attempt AND t.agent_id = token.agent_id;
    IF NOT FOUND OR this.ended_at < now() - interval '1 hour' THEN
        RAISE EXCEPTION 'this attempt is not at work any more' USING ERRCODE = 'KO001';
    END IF;
    -- The run comes before the attempt, for whoever is just ending both.
    PERFORM FROM kolony.runs r WHERE r.workspace_id = this.workspace_id AND r.run_id = this.run_id FOR NO KEY UPDATE;
    PERFORM FROM kolony.attempts t
    WHERE t.workspace_id = this.workspace_id AND t.attempt_id = the_attempt FOR NO KEY UPDATE;
    INSERT INTO kolony.attempt_steps (workspace_id, attempt_id, number, step, detail)
    SELECT this.workspace_id, the_attempt, n.number, step, "left"(coalesce(detail, ''), 1000)
    FROM (SELECT coalesce(max(s.number), 0) + 1 AS number FROM kolony.attempt_steps s
          WHERE s.workspace_id = this.workspace_id AND s.attempt_id = the_attempt) n
    WHERE n.number <= 100;
    IF step = 'heard' THEN
        UPDATE kolony.runs r SET interrupt_heard_at = now()
        WHERE r.workspace_id = this.workspace_id AND r.run_id = this.run_id AND r.outcome IS NULL
          AND r.interrupt_at IS NOT NULL AND r.interrupt_heard_at IS NULL
          AND EXISTS (SELECT FROM kolony.leases l
                      WHERE l.workspace_id = r.workspace_id AND l.attempt_id = the_attempt);
    END IF;
END
$$;

-- An attempt ended at one of its limits, and the audit log has it.
CREATE FUNCTION kolony.audit_limit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.record_audit(NEW.workspace_id,
        CASE NEW.limit_hit WHEN 'time_limit' THEN 'TIME_LIMIT_EXCEEDED' WHEN 'token_budget' THEN 'TOKEN_LIMIT_EXCEEDED'
            WHEN 'memory_limit' THEN 'MEMORY_LIMIT_EXCEEDED' ELSE 'CPU_LIMIT_EXCEEDED' END,
        '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END,
        jsonb_build_object('attempt', NEW.number) || CASE NEW.limit_hit
            WHEN 'time_limit' THEN jsonb_build_object('time_limit_ms', c.time_limit_ms)
            WHEN 'token_budget' THEN jsonb_build_object('token_budget', c.token_budget)
            WHEN 'memory_limit' THEN jsonb_build_object('memory_limit_mb', c.memory_limit_mb)
            ELSE jsonb_build_object('cpu_limit_percent', c.cpu_limit_percent) END,
        NEW.agent_id, c.command_id, NEW.run_id)
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.audit_limit() TO kolony_owner;

GRANT EXECUTE ON FUNCTION kolony.claim_runs(uuid, integer), kolony.note_step(uuid, text, text),
    kolony.finish_attempt(uuid, text, integer, integer, text, jsonb, bigint, bigint, bigint, text) TO kolony_agents;

SET LOCAL ROLE kolony_owner;

DROP TRIGGER audit ON kolony.attempts;
CREATE TRIGGER audit AFTER UPDATE OF outcome ON kolony.attempts
    FOR EACH ROW WHEN (NEW.outcome = 'failed' AND OLD.outcome IS NULL AND NEW.limit_hit IS NOT NULL)
    EXECUTE FUNCTION kolony.audit_limit();

SET LOCAL ROLE kolony_api;

DROP FUNCTION kolony.audit_time_limit();

RESET ROLE;
