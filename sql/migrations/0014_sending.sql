-- Sending: kinds, limits, windows and what a command comes after; editing what nobody has begun; and the sum of its runs.

SET LOCAL ROLE kolony_api;

-- Refuses a command of which a run was ever claimed, or which has ended; and keeps its runs from being claimed meanwhile.
CREATE FUNCTION kolony.require_not_begun(command kolony.commands) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM kolony.runs r WHERE r.workspace_id = command.workspace_id AND r.command_id = command.command_id
    ORDER BY r.run_id FOR NO KEY UPDATE;
    -- Claims pass over a ready run that is held here; one that was faster has an attempt by the next statement.
    PERFORM FROM kolony.ready_runs q
    WHERE q.workspace_id = command.workspace_id AND q.run_id IN (
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = command.command_id)
    ORDER BY q.run_id FOR UPDATE;
    IF EXISTS (SELECT FROM kolony.attempts t JOIN kolony.runs r ON r.workspace_id = t.workspace_id AND r.run_id = t.run_id
               WHERE r.workspace_id = command.workspace_id AND r.command_id = command.command_id) THEN
        RAISE EXCEPTION 'command #% has begun', command.number
            USING ERRCODE = '55000', HINT = 'only what nobody has begun can be edited; cancel it and send a new one';
    END IF;
    IF (SELECT c.outcome IS NOT NULL FROM kolony.commands c
        WHERE c.workspace_id = command.workspace_id AND c.command_id = command.command_id) THEN
        RAISE EXCEPTION 'command #% has ended', command.number
            USING ERRCODE = '55000', HINT = 'only what nobody has begun can be edited; send a new one';
    END IF;
END
$$;

-- As in 0011, with the runs that are blocked.
CREATE OR REPLACE FUNCTION kolony.require_room(home uuid, what text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its kolony.workspaces;
    allowed integer;
    there bigint;
BEGIN
    SELECT * INTO STRICT its FROM kolony.workspaces w WHERE w.workspace_id = home;
    IF (CASE what WHEN 'members' THEN its.max_members WHEN 'agents' THEN its.max_agents
        ELSE its.max_waiting_runs END) IS NULL
    THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT its FROM kolony.workspaces w WHERE w.workspace_id = home FOR NO KEY UPDATE;
    CASE what
        WHEN 'members' THEN
            allowed := its.max_members;
            there := (SELECT count(*) FROM kolony.memberships m WHERE m.workspace_id = home AND NOT m.disabled);
        WHEN 'agents' THEN
            allowed := its.max_agents;
            there := (SELECT count(*) FROM kolony.agents a WHERE a.workspace_id = home AND a.desired <> 'retired');
        WHEN 'waiting runs' THEN
            allowed := its.max_waiting_runs;
            there := (SELECT count(*) FROM kolony.ready_runs q WHERE q.workspace_id = home)
                   + (SELECT count(*) FROM kolony.scheduled_runs q WHERE q.workspace_id = home)
                   + (SELECT count(*) FROM kolony.blocked_runs q WHERE q.workspace_id = home);
    END CASE;
    IF there > allowed THEN
        RAISE EXCEPTION 'this workspace''s plan allows % %', allowed,
            CASE WHEN allowed = 1 THEN rtrim(what, 's') ELSE what END
            USING ERRCODE = '54000', HINT = 'an admin can raise it: kolony workspace limits';
    END IF;
END
$$;

-- As in 0005, for commands whose runs may not all go at once.
CREATE OR REPLACE FUNCTION kolony.enqueue(home uuid, the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands;
    later boolean := false;
    due timestamptz;
    retired text;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command;
    due := CASE WHEN command.not_before > now() THEN command.not_before END;
    IF EXISTS (SELECT FROM kolony.command_dependencies d WHERE d.workspace_id = home AND d.command_id = the_command) THEN
        -- Whoever ends one of those that come first waits until this one shows. Agents come before commands.
        PERFORM FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = ANY (command.targets)
        ORDER BY a.agent_id FOR KEY SHARE;
        PERFORM FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id IN (
            SELECT d.after_id FROM kolony.command_dependencies d
            WHERE d.workspace_id = home AND d.command_id = the_command)
        ORDER BY c.command_id FOR SHARE;
        later := kolony.comes_later(home, the_command);
    END IF;
    INSERT INTO kolony.runs (workspace_id, command_id, ordinal, agent_id, priority)
    SELECT home, the_command, t.ordinal, t.agent_id, command.priority
    FROM unnest(command.targets) WITH ORDINALITY AS t (agent_id, ordinal);
    IF later OR command.at_a_time < cardinality(command.targets) THEN
        INSERT INTO kolony.blocked_runs (workspace_id, run_id, agent_id, command_id, ordinal, priority, due_at, after, beyond)
        SELECT home, r.run_id, r.agent_id, the_command, r.ordinal, r.priority, due, later,
               coalesce(r.ordinal > command.at_a_time, false)
        FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command AND (later OR r.ordinal > command.at_a_time)
        ORDER BY r.ordinal;
    END IF;
    IF NOT later AND due IS NULL THEN
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at)
        SELECT home, r.run_id, r.agent_id, r.priority, clock_timestamp() FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command
          AND r.ordinal <= coalesce(command.at_a_time, r.ordinal) ORDER BY r.ordinal;
    ELSIF NOT later THEN
        INSERT INTO kolony.scheduled_runs (workspace_id, run_id, agent_id, priority, due_at)
        SELECT home, r.run_id, r.agent_id, r.priority, due FROM kolony.runs r
        WHERE r.workspace_id = home AND r.command_id = the_command
          AND r.ordinal <= coalesce(command.at_a_time, r.ordinal) ORDER BY r.ordinal;
    END IF;
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

-- Says what is wrong with how a command is to be sent.
CREATE FUNCTION kolony.check_sending(home uuid, to_agents uuid[], command kolony.commands) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing uuid;
    wrong text := CASE
        WHEN command.max_attempts IS NULL OR command.max_attempts NOT BETWEEN 1 AND 100 THEN
            format('a command has 1 to 100 attempts, not %s', command.max_attempts)
        WHEN command.retry_on IS NULL OR command.retry_on NOT IN ('lost', 'failure') THEN
            'a command is tried again when it was lost, or also at a failure'
        WHEN command.time_limit_ms NOT BETWEEN 1 AND 31536000000 THEN 'a time limit is 1 ms to 365 days'
        WHEN command.token_budget < 1 THEN 'a token budget is at least 1'
        WHEN command.memory_limit_mb < 1 THEN 'a memory limit is at least 1 MB'
        WHEN command.cpu_limit_percent < 1 THEN 'a CPU limit is at least 1 percent'
        WHEN command.at_a_time < 1 THEN format('at least one run goes at a time, not %s', command.at_a_time)
        WHEN command.stop_after < 1 THEN format('the rest is held after at least one failure, not %s', command.stop_after)
        WHEN length(command.idempotency_key) NOT BETWEEN 1 AND 200 THEN 'an idempotency key has 1 to 200 characters'
        WHEN length(command.target_words) > 2000 THEN 'the words for its targets are at most 2000 characters'
        WHEN coalesce(cardinality(to_agents), 0) = 0 THEN 'a command needs at least one agent'
        WHEN cardinality(to_agents) > 100000 THEN 'a command goes to at most 100000 agents'
        WHEN cardinality(to_agents) <> (SELECT count(DISTINCT t) FROM unnest(to_agents) t) THEN 'an agent is named twice'
        END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.check_kind(command.kind, command.subjects);
    SELECT t INTO missing FROM unnest(to_agents) t WHERE NOT EXISTS (
        SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.agent_id = t) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', coalesce(missing::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    IF command.parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = command.parent_id) THEN
        RAISE EXCEPTION 'the command that this one is to come from is not there' USING ERRCODE = 'P0002';
    END IF;
END
$$;

-- priority 0 to 100; after_need 'completed' or 'ended'; what is null of the limits is taken from the constraint profile.
-- The same idempotency key again answers with the command of then, and sends nothing.
DROP FUNCTION kolony.send_command(uuid, uuid[], text, integer, boolean, integer, text, bigint);
CREATE FUNCTION kolony.send_command(in_workspace uuid, to_agents uuid[], content text, priority integer DEFAULT 50,
    as_draft boolean DEFAULT false, max_attempts integer DEFAULT 3, retry_on text DEFAULT 'lost',
    time_limit_ms bigint DEFAULT NULL, kind text DEFAULT 'natural', about_runs uuid[] DEFAULT '{}',
    parent uuid DEFAULT NULL, not_before timestamptz DEFAULT NULL, after_commands uuid[] DEFAULT '{}',
    after_need text DEFAULT 'completed', at_a_time integer DEFAULT NULL, stop_after integer DEFAULT NULL,
    idempotency_key text DEFAULT NULL, constraint_profile uuid DEFAULT NULL, token_budget bigint DEFAULT NULL,
    memory_limit_mb integer DEFAULT NULL, cpu_limit_percent integer DEFAULT NULL, target_words text DEFAULT NULL,
    preset uuid DEFAULT NULL, preset_version integer DEFAULT NULL)
RETURNS TABLE (command_id uuid, number bigint, run_id uuid, ordinal integer, agent_id uuid, agent text, repeated boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new kolony.commands;
    limits record;
    before kolony.commands;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    PERFORM kolony.check_content(content);
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 100 THEN -- before it is too large for its column
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    IF max_attempts IS NULL OR max_attempts NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a command has 1 to 100 attempts, not %', max_attempts USING ERRCODE = '22023';
    END IF;
    SELECT * INTO limits FROM kolony.limits_for(in_workspace, constraint_profile);
    new.workspace_id := in_workspace;
    new.content := content;
    new.priority := priority;
    new.targets := to_agents;
    new.max_attempts := max_attempts;
    new.retry_on := retry_on;
    new.time_limit_ms := coalesce(time_limit_ms, limits.time_limit_ms);
    new.submitted_at := CASE WHEN as_draft THEN NULL ELSE now() END;
    new.kind := kind;
    new.parent_id := parent;
    new.subjects := coalesce(about_runs, '{}');
    new.not_before := not_before;
    new.idempotency_key := idempotency_key;
    new.at_a_time := at_a_time;
    new.stop_after := stop_after;
    new.target_words := target_words;
    new.preset_id := preset;
    new.preset_version := preset_version;
    new.constraint_id := limits.constraint_id;
    new.token_budget := coalesce(token_budget, limits.token_budget);
    new.memory_limit_mb := coalesce(memory_limit_mb, limits.memory_limit_mb);
    new.cpu_limit_percent := coalesce(cpu_limit_percent, limits.cpu_limit_percent);
    PERFORM kolony.check_sending(in_workspace, to_agents, new);
    INSERT INTO kolony.commands AS c (workspace_id, content, priority, targets, max_attempts, retry_on, time_limit_ms,
        created_by, submitted_at, kind, parent_id, subjects, not_before, idempotency_key, at_a_time, free_seats,
        stop_after, target_words, preset_id, preset_version, constraint_id, token_budget, memory_limit_mb,
        cpu_limit_percent)
    VALUES (new.workspace_id, new.content, new.priority, new.targets, new.max_attempts, new.retry_on,
        new.time_limit_ms, kolony.my_profile_id(), new.submitted_at, new.kind, new.parent_id, new.subjects,
        new.not_before, new.idempotency_key, new.at_a_time,
        greatest(new.at_a_time - cardinality(to_agents), 0), new.stop_after, new.target_words, new.preset_id,
        new.preset_version, new.constraint_id, new.token_budget, new.memory_limit_mb, new.cpu_limit_percent)
    ON CONFLICT (workspace_id, created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING c.command_id INTO new.command_id;
    IF new.command_id IS NULL THEN
        SELECT * INTO STRICT before FROM kolony.commands c
        WHERE c.workspace_id = in_workspace AND c.created_by = kolony.my_profile_id()
          AND c.idempotency_key = new.idempotency_key;
        IF before.content <> content THEN
            RAISE EXCEPTION 'the idempotency key "%" was used for another text, in command #%', new.idempotency_key,
                before.number USING ERRCODE = '22023', HINT = 'take another key';
        END IF;
        new.command_id := before.command_id;
    ELSE
        PERFORM kolony.put_dependencies(in_workspace, new.command_id, coalesce(after_commands, '{}'), after_need);
        IF preset IS NOT NULL THEN
            PERFORM kolony.note_preset_use(in_workspace, preset, preset_version);
        END IF;
        IF as_draft THEN
            PERFORM kolony.hint(in_workspace, 'command:' || new.command_id);
        ELSE
            PERFORM kolony.enqueue(in_workspace, new.command_id);
        END IF;
    END IF;
    RETURN QUERY
    SELECT c.command_id, c.number, r.run_id, t.ordinal::integer, a.agent_id, a.name, before.command_id IS NOT NULL
    FROM kolony.commands c
    CROSS JOIN LATERAL unnest(c.targets) WITH ORDINALITY AS t (agent_id, ordinal)
    JOIN kolony.agents a ON a.workspace_id = c.workspace_id AND a.agent_id = t.agent_id
    LEFT JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id AND r.ordinal = t.ordinal
    WHERE c.workspace_id = in_workspace AND c.command_id = new.command_id ORDER BY t.ordinal;
END
$$;

-- A draft, or a command that waits and of which no run was ever claimed. Null leaves a value as it is.
CREATE OR REPLACE FUNCTION kolony.edit_command(the_command uuid, content text, priority integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
BEGIN
    PERFORM kolony.check_content(coalesce(content, command.content));
    IF priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', priority USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.require_not_begun(command);
    IF priority IS NOT NULL THEN
        UPDATE kolony.blocked_runs q SET priority = priority
        WHERE q.workspace_id = command.workspace_id AND q.command_id = the_command;
        UPDATE kolony.scheduled_runs q SET priority = priority FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command
          AND q.workspace_id = r.workspace_id AND q.run_id = r.run_id;
        UPDATE kolony.ready_runs q SET priority = priority FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command
          AND q.workspace_id = r.workspace_id AND q.run_id = r.run_id;
        UPDATE kolony.runs r SET priority = priority
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL
          AND r.priority <> priority;
    END IF;
    UPDATE kolony.commands c
    SET content = coalesce(content, c.content), priority = coalesce(priority, c.priority)
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command AND c.outcome IS NULL;
    PERFORM kolony.hint(command.workspace_id, 'command:' || the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
END
$$;

-- As in 0005; the next runs of the command's window are let in as well.
CREATE OR REPLACE FUNCTION kolony.roll_up(home uuid, the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended text;
    window_size integer;
BEGIN
    SELECT c.at_a_time INTO window_size FROM kolony.commands c
    WHERE c.workspace_id = home AND c.command_id = the_command FOR NO KEY UPDATE;
    SELECT CASE WHEN bool_or(r.outcome IS NULL) THEN NULL
                WHEN bool_or(r.outcome = 'failed') THEN 'failed'
                WHEN bool_or(r.outcome = 'cancelled') THEN 'cancelled'
                ELSE 'completed' END
    INTO ended FROM kolony.runs r WHERE r.workspace_id = home AND r.command_id = the_command;
    UPDATE kolony.commands c SET outcome = ended, finished_at = CASE WHEN ended IS NULL THEN NULL ELSE now() END
    WHERE c.workspace_id = home AND c.command_id = the_command AND c.outcome IS DISTINCT FROM ended;
    IF ended IS NULL AND window_size IS NOT NULL THEN
        PERFORM kolony.fill_window(home, the_command);
    END IF;
END
$$;

COMMENT ON FUNCTION kolony.send_command(uuid, uuid[], text, integer, boolean, integer, text, bigint, text, uuid[], uuid,
    timestamptz, uuid[], text, integer, integer, text, uuid, bigint, integer, integer, text, uuid, integer) IS
    'operator: send a command to agents';
COMMENT ON FUNCTION kolony.edit_command(uuid, text, integer) IS 'operator: change a draft, or what nobody has begun';
GRANT EXECUTE ON FUNCTION kolony.send_command(uuid, uuid[], text, integer, boolean, integer, text, bigint, text, uuid[],
    uuid, timestamptz, uuid[], text, integer, integer, text, uuid, bigint, integer, integer, text, uuid, integer) TO kolony_user;

RESET ROLE;
