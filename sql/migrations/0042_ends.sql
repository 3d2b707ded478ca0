-- Why work ended, in a word that programs can go by, and what people should know of an end that looks well.

SET LOCAL ROLE kolony_owner;

ALTER TABLE kolony.attempts
    ADD COLUMN reason text CHECK (length(reason) <= 60),
    ADD COLUMN warning text CHECK (length(warning) <= 1000);
ALTER TABLE kolony.runs
    ADD COLUMN reason text CHECK (length(reason) <= 60),
    ADD COLUMN warning text CHECK (length(warning) <= 1000);
ALTER TABLE kolony.attempt_steps
    DROP CONSTRAINT attempt_steps_step_check,
    ADD CONSTRAINT attempt_steps_step_check
        CHECK (step IN ('heard', 'protocol_cancel', 'stdin_closed', 'sigint', 'sigterm', 'sigkill', 'ended', 'gone'));

SET LOCAL ROLE kolony_api;

-- As in 0015; the run has the reason and the warning of its last attempt.
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
        exit_code = with_exit_code, error = why, failed_tries = tries, limit_hit = this.limit_hit,
        reason = this.reason, warning = this.warning
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

-- As in 0015, with the reason of a failure, which is a name of the runner's, and a warning.
DROP FUNCTION kolony.finish_attempt(uuid, text, integer, integer, text, jsonb, bigint, bigint, bigint, text);
CREATE FUNCTION kolony.finish_attempt(the_attempt uuid, ended text, with_exit_code integer, with_signal integer,
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

-- As in 0015, with the end of its standard input, by which an agent is asked to end.
CREATE OR REPLACE FUNCTION kolony.note_step(the_attempt uuid, step text, detail text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    this kolony.attempts;
BEGIN
    IF step IS NULL OR step NOT IN ('heard', 'protocol_cancel', 'stdin_closed', 'sigint', 'sigterm', 'sigkill', 'ended',
                                    'gone') THEN
        RAISE EXCEPTION 'a step is heard, protocol_cancel, stdin_closed, sigint, sigterm, sigkill, ended or gone'
            USING ERRCODE = '22023';
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

-- As in 0028, and without the reason for which it failed.
CREATE OR REPLACE FUNCTION kolony.retry_ended_run(home uuid, the_run uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
    command kolony.commands;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NULL OR run.outcome = 'completed' THEN
        RETURN false;
    END IF;
    UPDATE kolony.runs r SET outcome = NULL, finished_at = NULL, exit_code = NULL, error = NULL, failed_tries = 0,
        cancel_at = NULL, cancel_by = NULL, cancel_why = NULL, limit_hit = NULL, reason = NULL,
        warning = NULL, interrupt_at = NULL, interrupt_by = NULL, interrupt_why = NULL, interrupt_heard_at = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = run.command_id;
    SELECT home, the_run, run.agent_id, run.command_id, run.ordinal, run.priority, extract(epoch FROM clock_timestamp()),
           command.not_before, coalesce(max(t.number), 0) + 1, false, kolony.comes_later(home, run.command_id),
           command.at_a_time IS NOT NULL -- kolony.roll_up lets it in, where there is room
    INTO waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.command_id, waiting.ordinal, waiting.priority,
        waiting.place, waiting.due_at, waiting.attempt, waiting.held, waiting.after, waiting.beyond
    FROM kolony.attempts t WHERE t.workspace_id = home AND t.run_id = the_run;
    PERFORM kolony.put_waiting(waiting);
    IF kolony.is_retired(home, run.agent_id) THEN
        RAISE EXCEPTION 'its agent is retired' USING ERRCODE = '55000', HINT = 'resume the agent first';
    END IF;
    RETURN true;
END
$$;

GRANT EXECUTE ON FUNCTION kolony.finish_attempt(uuid, text, integer, integer, text, jsonb, bigint, bigint, bigint, text,
    text, text) TO kolony_agents;

SET LOCAL ROLE kolony_owner;

-- As in 0013, with reason and warning.
CREATE OR REPLACE VIEW kolony.run_overview WITH (security_invoker = true) AS
SELECT r.workspace_id, r.run_id, r.command_id, c.number AS command_number, r.ordinal,
       cardinality(c.targets) AS target_count, r.agent_id, a.name AS agent, c.title, c.created_by,
       p.login AS created_by_login, r.priority, r.created_at, r.finished_at,
       CASE WHEN r.outcome IS NOT NULL THEN r.outcome
            WHEN l.run_id IS NULL OR s.ended_at IS NOT NULL
                 OR s.last_seen + make_interval(secs => s.lease_seconds) < now() THEN 'waiting'
            WHEN r.interrupt_heard_at IS NOT NULL THEN 'interrupted'
            WHEN t.started_at IS NULL THEN 'dispatching'
            ELSE 'executing' END AS status,
       r.outcome IS NULL AND l.run_id IS NOT NULL AND (s.ended_at IS NOT NULL
           OR s.last_seen + make_interval(secs => s.lease_seconds) < now()) AS lost,
       coalesce(t.number, 0) AS attempt, c.max_attempts, coalesce(d.due_at, k.due_at) AS due_at, t.claimed_at,
       t.started_at, r.exit_code, r.error, r.cancel_at, r.cancel_why, b.login AS cancel_by_login,
       a.desired AS agent_desired,
       c.kind, c.not_before, c.constraint_id, r.held_at, h.login AS held_by_login, r.held_why, r.interrupt_at,
       i.login AS interrupt_by_login, r.interrupt_why, r.interrupt_heard_at, r.limit_hit,
       CASE WHEN k.held THEN 'hold' WHEN k.after THEN 'dependency' WHEN k.beyond THEN 'window'
            WHEN d.run_id IS NOT NULL THEN 'time' END AS waits_for,
       CASE WHEN r.outcome IS NULL AND l.run_id IS NULL THEN (
           SELECT (SELECT nullif(count(*), 1000) + 1 FROM (
                       SELECT FROM kolony.ready_runs ahead
                       WHERE ahead.workspace_id = q.workspace_id AND ahead.agent_id = q.agent_id
                         AND ahead.priority >= q.priority
                         AND (ahead.priority > q.priority OR (ahead.place, ahead.run_id) < (q.place, q.run_id))
                       LIMIT 1000) counted)
           FROM kolony.ready_runs q WHERE q.workspace_id = r.workspace_id AND q.run_id = r.run_id) END AS position,
       CASE WHEN l.run_id IS NULL THEN 0
            ELSE kolony.open_asks(r.workspace_id, r.agent_id, r.run_id) END AS asks,
       r.reason, r.warning
FROM kolony.runs r
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
LEFT JOIN kolony.profiles b ON b.profile_id = r.cancel_by
LEFT JOIN kolony.profiles h ON h.profile_id = r.held_by
LEFT JOIN kolony.profiles i ON i.profile_id = r.interrupt_by
LEFT JOIN kolony.leases l ON l.workspace_id = r.workspace_id AND l.run_id = r.run_id
LEFT JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
LEFT JOIN LATERAL (
    SELECT e.number, e.claimed_at, e.started_at FROM kolony.attempts e
    WHERE e.workspace_id = r.workspace_id AND e.run_id = r.run_id ORDER BY e.number DESC LIMIT 1) t ON true
LEFT JOIN kolony.scheduled_runs d ON d.workspace_id = r.workspace_id AND d.run_id = r.run_id
LEFT JOIN kolony.blocked_runs k ON k.workspace_id = r.workspace_id AND k.run_id = r.run_id;

RESET ROLE;
