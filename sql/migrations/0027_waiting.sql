-- Where a waiting run stands: how many of a command go at a time, and which commands come after which.

SET LOCAL ROLE kolony_api;

-- Whether something that the command comes after has not ended as needed.
CREATE FUNCTION kolony.comes_later(home uuid, the_command uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM kolony.command_dependencies d
        JOIN kolony.commands c ON c.workspace_id = d.workspace_id AND c.command_id = d.after_id
        WHERE d.workspace_id = home AND d.command_id = the_command
          AND (c.outcome IS NULL OR d.need = 'completed' AND c.outcome <> 'completed'));
END
$$;

-- Takes a waiting run out of where it waits; null where it does not. In the order in which runs pass through the tables,
-- each in a statement of its own: a run that is just moved on is found in the next one.
CREATE FUNCTION kolony.take_waiting(home uuid, the_run uuid) RETURNS kolony.blocked_runs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waiting kolony.blocked_runs;
    scheduled kolony.scheduled_runs;
    ready kolony.ready_runs;
BEGIN
    DELETE FROM kolony.blocked_runs q WHERE q.workspace_id = home AND q.run_id = the_run RETURNING q.* INTO waiting;
    IF FOUND THEN
        RETURN waiting;
    END IF;
    DELETE FROM kolony.scheduled_runs q WHERE q.workspace_id = home AND q.run_id = the_run RETURNING q.* INTO scheduled;
    IF FOUND THEN
        waiting.due_at := scheduled.due_at;
        waiting.attempt := scheduled.attempt;
        waiting.place := extract(epoch FROM scheduled.due_at);
    ELSE
        DELETE FROM kolony.ready_runs q WHERE q.workspace_id = home AND q.run_id = the_run RETURNING q.* INTO ready;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        waiting.attempt := ready.attempt;
        waiting.place := ready.place;
    END IF;
    SELECT r.workspace_id, r.run_id, r.agent_id, r.command_id, r.ordinal, r.priority, false, false, false
    INTO STRICT waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.command_id, waiting.ordinal,
        waiting.priority, waiting.held, waiting.after, waiting.beyond
    FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN waiting;
END
$$;

-- Puts a waiting run where it belongs.
CREATE FUNCTION kolony.put_waiting(waiting kolony.blocked_runs) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF waiting.held OR waiting.after OR waiting.beyond THEN
        INSERT INTO kolony.blocked_runs SELECT waiting.*;
    ELSIF waiting.due_at > now() THEN
        INSERT INTO kolony.scheduled_runs (workspace_id, run_id, agent_id, priority, due_at, attempt)
        VALUES (waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.priority, waiting.due_at,
                waiting.attempt);
    ELSE
        INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, place, attempt)
        VALUES (waiting.workspace_id, waiting.run_id, waiting.agent_id, waiting.priority, waiting.place,
                waiting.attempt);
    END IF;
END
$$;

-- Lets the next runs of a command in, as many as its window has room for. The caller holds the command.
CREATE FUNCTION kolony.fill_window(home uuid, the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waiting kolony.blocked_runs;
    free integer;
BEGIN
    SELECT greatest(c.at_a_time - (
               SELECT count(*) FROM kolony.runs r
               WHERE r.workspace_id = home AND r.command_id = the_command AND r.outcome IS NULL) + (
               SELECT count(*) FROM kolony.blocked_runs b
               WHERE b.workspace_id = home AND b.command_id = the_command AND b.beyond), 0)
    INTO free FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = the_command;
    FOR waiting IN
        SELECT b.* FROM kolony.blocked_runs b
        WHERE b.workspace_id = home AND b.command_id = the_command AND b.beyond AND NOT b.held
        ORDER BY b.ordinal FOR UPDATE SKIP LOCKED
    LOOP
        EXIT WHEN free = 0;
        -- Not while the agent is being retired, by somebody who waits for this command.
        PERFORM FROM kolony.agents a
        WHERE a.workspace_id = home AND a.agent_id = waiting.agent_id FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM kolony.blocked_runs b WHERE b.workspace_id = home AND b.run_id = waiting.run_id;
        waiting.beyond := false;
        PERFORM kolony.put_waiting(waiting);
        PERFORM kolony.hint(home, 'agent:' || waiting.agent_id);
        free := free - 1;
    END LOOP;
    UPDATE kolony.commands c SET free_seats = free
    WHERE c.workspace_id = home AND c.command_id = the_command AND c.free_seats IS DISTINCT FROM free;
END
$$;

-- Lets go what waited for others to end, where they have ended as needed.
CREATE FUNCTION kolony.free_command(home uuid, the_command uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waiting kolony.blocked_runs;
BEGIN
    IF kolony.comes_later(home, the_command) THEN
        RETURN;
    END IF;
    FOR waiting IN
        SELECT b.* FROM kolony.blocked_runs b
        WHERE b.workspace_id = home AND b.command_id = the_command AND b.after
        ORDER BY b.run_id FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM FROM kolony.agents a
        WHERE a.workspace_id = home AND a.agent_id = waiting.agent_id FOR KEY SHARE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        DELETE FROM kolony.blocked_runs b WHERE b.workspace_id = home AND b.run_id = waiting.run_id;
        waiting.after := false;
        PERFORM kolony.put_waiting(waiting);
        PERFORM kolony.hint(home, 'agent:' || waiting.agent_id);
    END LOOP;
END
$$;

-- A command has ended: what comes after it may go. Deferred to the commit, where no lock is waited for but the
-- workspace's, and that one last: of two commands that end at once, the second one sees the first.
CREATE FUNCTION kolony.free_dependents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    later uuid;
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.command_dependencies d
                   WHERE d.workspace_id = NEW.workspace_id AND d.after_id = NEW.command_id) THEN
        RETURN NULL;
    END IF;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = NEW.workspace_id FOR NO KEY UPDATE;
    FOR later IN
        SELECT d.command_id FROM kolony.command_dependencies d
        WHERE d.workspace_id = NEW.workspace_id AND d.after_id = NEW.command_id ORDER BY d.command_id
    LOOP
        PERFORM kolony.free_command(NEW.workspace_id, later);
    END LOOP;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.free_dependents() TO kolony_owner;

-- Finds what waits without a reason, for all agents or among an agent's hundred oldest commands: what was skipped because
-- somebody held it just then.
CREATE FUNCTION kolony.settle_blocked(home uuid, of_agent uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stray record;
    settled integer := 0;
BEGIN
    FOR stray IN
        SELECT b.command_id, bool_or(b.after) AS after, bool_or(b.beyond) AS beyond FROM kolony.blocked_runs b
        WHERE b.workspace_id = home AND (of_agent IS NULL OR b.agent_id = of_agent) AND NOT b.held
        GROUP BY b.command_id ORDER BY b.command_id
        LIMIT CASE WHEN of_agent IS NOT NULL THEN 100 END
    LOOP
        CONTINUE WHEN stray.after AND kolony.comes_later(home, stray.command_id);
        PERFORM FROM kolony.commands c
        WHERE c.workspace_id = home AND c.command_id = stray.command_id AND (stray.after OR c.free_seats > 0)
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        PERFORM kolony.free_command(home, stray.command_id);
        IF stray.beyond THEN
            PERFORM kolony.fill_window(home, stray.command_id);
        END IF;
        settled := settled + 1;
    END LOOP;
    RETURN settled;
END
$$;

-- What a command comes after, instead of what it came after before. Refuses a circle and names it.
CREATE FUNCTION kolony.put_dependencies(home uuid, the_command uuid, after_commands uuid[], after_need text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing uuid;
    round text;
BEGIN
    IF after_need IS NULL OR after_need NOT IN ('completed', 'ended') THEN
        RAISE EXCEPTION 'what a command comes after has to be completed or ended' USING ERRCODE = '22023';
    END IF;
    IF cardinality(after_commands) > 1000 THEN
        RAISE EXCEPTION 'a command comes after at most 1000 others' USING ERRCODE = '22023';
    END IF;
    SELECT t INTO missing FROM unnest(after_commands) t WHERE NOT EXISTS (
        SELECT FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = t) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no command % in this workspace', coalesce(missing::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony command list';
    END IF;
    DELETE FROM kolony.command_dependencies d WHERE d.workspace_id = home AND d.command_id = the_command;
    WITH RECURSIVE before (command_id, path) AS (
        SELECT t, ARRAY[the_command, t] FROM unnest(after_commands) t
        UNION ALL
        SELECT d.after_id, b.path || d.after_id FROM before b
        JOIN kolony.command_dependencies d ON d.workspace_id = home AND d.command_id = b.command_id
        WHERE b.command_id <> the_command)
        CYCLE command_id SET again USING been
    SELECT (SELECT string_agg('#' || c.number, ' after ' ORDER BY p.place) FROM unnest(b.path) WITH ORDINALITY p (id, place)
            JOIN kolony.commands c ON c.workspace_id = home AND c.command_id = p.id)
    INTO round FROM before b WHERE b.command_id = the_command LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'commands would wait for each other: %', round
            USING ERRCODE = '22023', HINT = 'take one of them out of the circle';
    END IF;
    INSERT INTO kolony.command_dependencies (workspace_id, command_id, after_id, need)
    SELECT DISTINCT home, the_command, t, after_need FROM unnest(after_commands) t;
END
$$;

-- The same for people, and for a command that has not begun. Dependencies of a workspace are changed by one at a time:
-- two that are made at once could close a circle.
CREATE FUNCTION kolony.set_dependencies(the_command uuid, after_commands uuid[], after_need text DEFAULT 'completed')
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    waiting kolony.blocked_runs;
    each uuid;
    later boolean;
BEGIN
    PERFORM kolony.require_not_begun(command);
    PERFORM FROM kolony.commands c
    WHERE c.workspace_id = command.workspace_id AND c.command_id = ANY (after_commands) ORDER BY c.command_id FOR SHARE;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = command.workspace_id FOR NO KEY UPDATE;
    PERFORM kolony.put_dependencies(command.workspace_id, the_command, coalesce(after_commands, '{}'), after_need);
    later := kolony.comes_later(command.workspace_id, the_command);
    FOR each IN
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL ORDER BY r.run_id
    LOOP
        waiting := kolony.take_waiting(command.workspace_id, each);
        CONTINUE WHEN waiting.run_id IS NULL;
        waiting.after := later;
        PERFORM kolony.put_waiting(waiting);
    END LOOP;
    PERFORM kolony.record_audit(command.workspace_id, 'COMMAND_EDITED', '#' || command.number, jsonb_build_object('after',
        (SELECT jsonb_agg('#' || c.number ORDER BY c.number) FROM kolony.commands c
         WHERE c.workspace_id = command.workspace_id AND c.command_id = ANY (after_commands))), NULL, the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
END
$$;

COMMENT ON FUNCTION kolony.set_dependencies(uuid, uuid[], text) IS 'operator: say after which commands another one comes';
GRANT EXECUTE ON FUNCTION kolony.set_dependencies(uuid, uuid[], text) TO kolony_user;

SET LOCAL ROLE kolony_owner;

CREATE CONSTRAINT TRIGGER free_dependents AFTER UPDATE OF outcome ON kolony.commands DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.outcome IS NOT NULL AND OLD.outcome IS DISTINCT FROM NEW.outcome)
    EXECUTE FUNCTION kolony.free_dependents();

RESET ROLE;
