-- The steps of the state machines that people take: send, edit, submit, cancel, retry, priority; pause, resume, retire.

SET LOCAL ROLE kolony_api;

-- Puts a command's runs into their agents' queues.
CREATE FUNCTION kolony.enqueue(home uuid, the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands;
    retired text;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command;
    INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
    SELECT home, the_command, t.ordinal, t.agent_id, command.priority
    FROM unnest(command.targets) WITH ORDINALITY AS t (agent_id, ordinal);
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at)
    SELECT home, r.run_id, r.agent_id, r.priority, clock_timestamp() FROM kolony.runs r
    WHERE r.workspace_id = home AND r.command_id = the_command ORDER BY r.ordinal;
    -- After the inserts, whose foreign keys waited for whoever was retiring one of these agents.
    SELECT a.name INTO retired FROM kolony.agents a
    WHERE a.workspace_id = home AND a.agent_id = ANY (command.targets) AND a.desired = 'retired' LIMIT 1;
    IF retired IS NOT NULL THEN
        RAISE EXCEPTION 'the agent "%" is retired', retired USING ERRCODE = '55000', HINT = 'resume it, or choose another';
    END IF;
    PERFORM kolony.require_room(home, 'waiting runs');
    PERFORM kolony.hint(home, CASE WHEN cardinality(command.targets) = 1
        THEN 'agent:' || command.targets[1] ELSE 'agents:*' END);
END
$$;

CREATE FUNCTION kolony.check_content(content text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF content IS NULL OR content !~ '\S' THEN
        RAISE EXCEPTION 'a command needs a text' USING ERRCODE = '22023';
    END IF;
    IF octet_length(content) > 4194304 THEN
        RAISE EXCEPTION 'a command''s text is at most 4 MiB, this is % bytes', octet_length(content)
            USING ERRCODE = '22023', HINT = 'put it in a file that the agent can read';
    END IF;
END
$$;

CREATE FUNCTION kolony.send_command(in_workspace uuid, to_agents uuid[], content text, priority integer DEFAULT 50,
    as_draft boolean DEFAULT false, max_attempts integer DEFAULT 3, retry_on text DEFAULT 'lost',
    time_limit_ms bigint DEFAULT NULL)
RETURNS TABLE (command_id uuid, number bigint, run_id uuid, ordinal integer, agent_id uuid, agent text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    made uuid;
    missing uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    PERFORM kolony.check_content(content);
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    IF max_attempts IS NULL OR max_attempts NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a command has 1 to 100 attempts, not %', max_attempts USING ERRCODE = '22023';
    END IF;
    IF retry_on IS NULL OR retry_on NOT IN ('lost', 'failure') THEN
        RAISE EXCEPTION 'a command is tried again when it was lost, or also at a failure' USING ERRCODE = '22023';
    END IF;
    IF time_limit_ms NOT BETWEEN 1 AND 31536000000 THEN
        RAISE EXCEPTION 'a time limit is 1 ms to 365 days' USING ERRCODE = '22023';
    END IF;
    IF coalesce(cardinality(to_agents), 0) = 0 THEN
        RAISE EXCEPTION 'a command needs at least one agent' USING ERRCODE = '22023';
    END IF;
    IF cardinality(to_agents) > 100000 THEN
        RAISE EXCEPTION 'a command goes to at most 100000 agents' USING ERRCODE = '22023';
    END IF;
    IF cardinality(to_agents) <> (SELECT count(DISTINCT t) FROM unnest(to_agents) t) THEN
        RAISE EXCEPTION 'an agent is named twice' USING ERRCODE = '22023';
    END IF;
    SELECT t INTO missing FROM unnest(to_agents) t WHERE NOT EXISTS (
        SELECT FROM kolony.agents a WHERE a.workspace_id = in_workspace AND a.agent_id = t) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', missing
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    INSERT INTO kolony.commands AS c (workspace_id, content, priority, targets, max_attempts, retry_on, time_limit_ms,
        created_by, submitted_at)
    VALUES (in_workspace, content, priority, to_agents, max_attempts, retry_on, time_limit_ms,
        kolony.my_profile_id(), CASE WHEN as_draft THEN NULL ELSE now() END)
    RETURNING c.command_id INTO made;
    IF as_draft THEN
        PERFORM kolony.hint(in_workspace, 'command:' || made);
    ELSE
        PERFORM kolony.enqueue(in_workspace, made);
    END IF;
    RETURN QUERY
    SELECT c.command_id, c.number, r.run_id, r.ordinal, a.agent_id, a.name
    FROM kolony.commands c
    CROSS JOIN LATERAL unnest(c.targets) WITH ORDINALITY AS t (agent_id, ordinal)
    JOIN kolony.agents a ON a.workspace_id = c.workspace_id AND a.agent_id = t.agent_id
    LEFT JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id AND r.ordinal = t.ordinal
    WHERE c.workspace_id = in_workspace AND c.command_id = made ORDER BY t.ordinal;
END
$$;

-- A command of my workspaces, for a step that needs this role. Not locked: its runs are locked before it.
CREATE FUNCTION kolony.command_for_step(the_command uuid, needed text) RETURNS kolony.commands
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands;
BEGIN
    SELECT * INTO command FROM kolony.commands c
    WHERE c.command_id = the_command AND c.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such command here' USING ERRCODE = 'P0002', HINT = 'see kolony command list';
    END IF;
    PERFORM kolony.require_role(command.workspace_id, needed);
    RETURN command;
END
$$;

CREATE FUNCTION kolony.edit_command(the_command uuid, content text, priority integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
BEGIN
    PERFORM kolony.check_content(coalesce(content, command.content));
    IF priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.commands c
    SET content = coalesce(content, c.content), priority = coalesce(priority, c.priority)
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'command #% is no draft any more', command.number
            USING ERRCODE = '55000', HINT = 'only a draft can be edited; cancel it and send a new one';
    END IF;
    PERFORM kolony.hint(command.workspace_id, 'command:' || the_command);
END
$$;

CREATE FUNCTION kolony.submit_command(the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
BEGIN
    UPDATE kolony.commands c SET submitted_at = now()
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'command #% is no draft', command.number USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.enqueue(command.workspace_id, the_command);
END
$$;

-- Writes the command's end when its last run has ended.
CREATE FUNCTION kolony.roll_up(home uuid, the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended text;
BEGIN
    PERFORM FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command FOR NO KEY UPDATE;
    SELECT CASE WHEN bool_or(r.outcome IS NULL) THEN NULL
                WHEN bool_or(r.outcome = 'failed') THEN 'failed'
                WHEN bool_or(r.outcome = 'cancelled') THEN 'cancelled'
                ELSE 'completed' END
    INTO ended FROM kolony.runs r WHERE r.workspace_id = home AND r.command_id = the_command;
    UPDATE kolony.commands c SET outcome = ended, finished_at = CASE WHEN ended IS NULL THEN NULL ELSE now() END
    WHERE c.workspace_id = home AND c.command_id = the_command AND c.outcome IS DISTINCT FROM ended;
END
$$;

-- Cancels one run that has not ended: at once while it waits, otherwise as a request that its runner acknowledges.
-- Answers 'cancelled' or 'requested'. The caller has checked the rights.
CREATE FUNCTION kolony.cancel_open_run(home uuid, the_run uuid, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
    holder kolony.leases;
BEGIN
    -- The run first: whoever is just putting it back into a queue holds it until the queue has it.
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NOT NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM kolony.ready_runs q WHERE q.workspace_id = home AND q.run_id = the_run;
    DELETE FROM kolony.scheduled_runs q WHERE q.workspace_id = home AND q.run_id = the_run;
    SELECT * INTO holder FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = the_run;
    IF FOUND THEN
        UPDATE kolony.runs r SET cancel_at = coalesce(r.cancel_at, now()),
            cancel_by = coalesce(r.cancel_by, kolony.my_profile_id()), cancel_why = coalesce(r.cancel_why, why)
        WHERE r.workspace_id = home AND r.run_id = the_run;
        RETURN 'requested';
    END IF;
    UPDATE kolony.runs r SET outcome = 'cancelled', finished_at = now(), cancel_at = now(),
        cancel_by = kolony.my_profile_id(), cancel_why = why
    WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN 'cancelled';
END
$$;

CREATE FUNCTION kolony.cancel_run(the_run uuid, why text DEFAULT '') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    became text;
BEGIN
    became := kolony.cancel_open_run(run.workspace_id, the_run, "left"(coalesce(why, ''), 1000));
    IF became IS NULL THEN
        RAISE EXCEPTION 'this run has ended already (%)', coalesce(
            (SELECT r.outcome FROM kolony.runs r WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run), '?')
            USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.roll_up(run.workspace_id, run.command_id);
    -- After the request: a runner that is gone will not confirm it, so its run ends here.
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
    RETURN coalesce((SELECT r.outcome FROM kolony.runs r
                     WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run), became);
END
$$;

-- A run of my workspaces, for a step that an operator may take.
CREATE FUNCTION kolony.run_for_step(the_run uuid) RETURNS kolony.runs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
BEGIN
    SELECT * INTO run FROM kolony.runs r
    WHERE r.run_id = the_run AND r.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such run here' USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    PERFORM kolony.require_role(run.workspace_id, 'operator');
    RETURN run;
END
$$;

CREATE FUNCTION kolony.cancel_command(the_command uuid, why text DEFAULT '')
RETURNS TABLE (cancelled bigint, requested bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    open_run uuid;
    asked uuid[] := '{}';
BEGIN
    UPDATE kolony.commands c SET outcome = 'cancelled', finished_at = now()
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF NOT FOUND THEN
        FOR open_run IN
            SELECT r.run_id FROM kolony.runs r
            WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL
            ORDER BY r.run_id
        LOOP
            IF kolony.cancel_open_run(command.workspace_id, open_run, "left"(coalesce(why, ''), 1000)) IS NOT NULL THEN
                asked := asked || open_run;
            END IF;
        END LOOP;
        IF asked = '{}' THEN
            RAISE EXCEPTION 'command #% has ended already (%)', command.number, (SELECT c.outcome FROM kolony.commands c
                WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command) USING ERRCODE = '55000';
        END IF;
        PERFORM kolony.roll_up(command.workspace_id, the_command);
        PERFORM kolony.settle_lost(command.workspace_id, NULL);
    END IF;
    PERFORM kolony.record_audit(command.workspace_id, 'COMMAND_CANCELLED', '#' || command.number,
        jsonb_build_object('reason', "left"(why, 200), 'runs', cardinality(asked)), NULL, the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
    RETURN QUERY SELECT count(*) FILTER (WHERE r.outcome IS NOT NULL), count(*) FILTER (WHERE r.outcome IS NULL)
                 FROM kolony.runs r WHERE r.workspace_id = command.workspace_id AND r.run_id = ANY (asked);
END
$$;

-- Whether an agent is retired, and it stays so or not until the caller's transaction ends.
CREATE FUNCTION kolony.is_retired(home uuid, the_agent uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_desired text;
BEGIN
    SELECT a.desired INTO STRICT found_desired FROM kolony.agents a
    WHERE a.workspace_id = home AND a.agent_id = the_agent FOR KEY SHARE;
    RETURN found_desired = 'retired';
END
$$;

-- Puts a run that failed or was cancelled back into its agent's queue, with its tries counted anew.
CREATE FUNCTION kolony.retry_ended_run(home uuid, the_run uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NULL OR run.outcome = 'completed' THEN
        RETURN false;
    END IF;
    UPDATE kolony.runs r SET outcome = NULL, finished_at = NULL, exit_code = NULL, error = NULL, failed_tries = 0,
        cancel_at = NULL, cancel_by = NULL, cancel_why = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, attempt)
    SELECT home, the_run, run.agent_id, run.priority, coalesce(max(t.number), 0) + 1
    FROM kolony.attempts t WHERE t.workspace_id = home AND t.run_id = the_run;
    IF kolony.is_retired(home, run.agent_id) THEN
        RAISE EXCEPTION 'its agent is retired' USING ERRCODE = '55000', HINT = 'resume the agent first';
    END IF;
    RETURN true;
END
$$;

CREATE FUNCTION kolony.retry_run(the_run uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
BEGIN
    IF NOT kolony.retry_ended_run(run.workspace_id, the_run) THEN
        RAISE EXCEPTION 'only a run that failed or was cancelled can be retried' USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.roll_up(run.workspace_id, run.command_id);
    PERFORM kolony.require_room(run.workspace_id, 'waiting runs');
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
END
$$;

CREATE FUNCTION kolony.retry_command(the_command uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    ended_run uuid;
    retried integer := 0;
BEGIN
    FOR ended_run IN
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command
          AND r.outcome IN ('failed', 'cancelled')
        ORDER BY r.run_id
    LOOP
        retried := retried + kolony.retry_ended_run(command.workspace_id, ended_run)::integer;
    END LOOP;
    IF retried = 0 THEN
        RAISE EXCEPTION 'command #% has no run that failed or was cancelled', command.number USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.roll_up(command.workspace_id, the_command);
    PERFORM kolony.require_room(command.workspace_id, 'waiting runs');
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
    RETURN retried;
END
$$;

CREATE FUNCTION kolony.set_run_priority(the_run uuid, priority integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    moved integer;
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    PERFORM FROM kolony.runs r WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run FOR NO KEY UPDATE;
    WITH ready AS (
        UPDATE kolony.ready_runs q SET priority = priority
        WHERE q.workspace_id = run.workspace_id AND q.run_id = the_run RETURNING 1),
    scheduled AS (
        UPDATE kolony.scheduled_runs q SET priority = priority
        WHERE q.workspace_id = run.workspace_id AND q.run_id = the_run RETURNING 1)
    SELECT count(*) INTO moved FROM (SELECT FROM ready UNION ALL SELECT FROM scheduled) both_queues;
    IF moved = 0 THEN
        RAISE EXCEPTION 'this run does not wait any more' USING ERRCODE = '55000';
    END IF;
    UPDATE kolony.runs r SET priority = priority WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run;
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
END
$$;

CREATE FUNCTION kolony.set_agent_desired(of_agent uuid, to_desired text, why text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    agent kolony.agents;
    waiting uuid;
    its_command uuid;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    IF to_desired IS NULL OR to_desired NOT IN ('active', 'paused', 'retired') THEN
        RAISE EXCEPTION 'an agent is active, paused or retired' USING ERRCODE = '22023';
    END IF;
    -- FOR UPDATE, which waits for every run that is just being put into the agent's queue (foreign keys hold KEY SHARE).
    SELECT * INTO STRICT agent FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = of_agent FOR UPDATE;
    IF agent.desired = 'retired' AND to_desired = 'paused' THEN
        RAISE EXCEPTION 'the agent "%" is retired', agent.name USING ERRCODE = '55000', HINT = 'resume it first';
    END IF;
    UPDATE kolony.agents a SET desired = to_desired, desired_why = "left"(coalesce(why, ''), 1000),
        desired_by = kolony.my_profile_id(), desired_since = now()
    WHERE a.workspace_id = home AND a.agent_id = of_agent AND a.desired <> to_desired;
    IF to_desired = 'retired' THEN
        PERFORM kolony.settle_lost(home, of_agent);
        FOR waiting IN
            SELECT r.run_id FROM kolony.runs r
            WHERE r.workspace_id = home AND r.agent_id = of_agent AND r.outcome IS NULL
              AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = r.run_id)
            ORDER BY r.run_id
        LOOP
            PERFORM kolony.cancel_open_run(home, waiting, 'its agent was retired');
        END LOOP;
        FOR its_command IN
            SELECT DISTINCT r.command_id FROM kolony.runs r
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            WHERE r.workspace_id = home AND r.agent_id = of_agent AND r.outcome = 'cancelled' AND c.outcome IS NULL
            ORDER BY r.command_id
        LOOP
            PERFORM kolony.roll_up(home, its_command);
        END LOOP;
    ELSIF agent.desired = 'retired' THEN
        PERFORM kolony.require_room(home, 'agents');
    END IF;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
END
$$;

COMMENT ON FUNCTION kolony.send_command(uuid, uuid[], text, integer, boolean, integer, text, bigint) IS
    'operator: send a command to agents';
COMMENT ON FUNCTION kolony.edit_command(uuid, text, integer) IS 'operator: change a draft';
COMMENT ON FUNCTION kolony.submit_command(uuid) IS 'operator: send a draft';
COMMENT ON FUNCTION kolony.cancel_command(uuid, text) IS 'operator: cancel a command with all of its runs';
COMMENT ON FUNCTION kolony.retry_command(uuid) IS 'operator: run again what failed or was cancelled of a command';
COMMENT ON FUNCTION kolony.cancel_run(uuid, text) IS 'operator: cancel a run';
COMMENT ON FUNCTION kolony.retry_run(uuid) IS 'operator: run again what failed or was cancelled';
COMMENT ON FUNCTION kolony.set_run_priority(uuid, integer) IS 'operator: move a waiting run forward or back in its queue';
COMMENT ON FUNCTION kolony.set_agent_desired(uuid, text, text) IS 'operator: pause, resume or retire an agent';

GRANT EXECUTE ON FUNCTION
    kolony.send_command(uuid, uuid[], text, integer, boolean, integer, text, bigint),
    kolony.edit_command(uuid, text, integer), kolony.submit_command(uuid), kolony.cancel_command(uuid, text),
    kolony.retry_command(uuid), kolony.cancel_run(uuid, text), kolony.retry_run(uuid),
    kolony.set_run_priority(uuid, integer), kolony.set_agent_desired(uuid, text, text) TO kolony_user;

RESET ROLE;
