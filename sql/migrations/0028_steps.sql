-- Steering what waits and what runs: cancel, hold, release, retry, order, assign, interrupt; one run or many; and undo.

SET LOCAL ROLE kolony_api;

-- Whether the session's person is just undoing a step: the undo is written down before what it does.
CREATE FUNCTION kolony.is_undoing() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM kolony.undo_steps u
                   WHERE u.profile_id = kolony.my_profile_id() AND u.undone_at = now());
END
$$;

-- As in 0008; what an undo brings back is no retry, and the undo has an entry of its own.
CREATE OR REPLACE FUNCTION kolony.audit_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about text := (SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || NEW.ordinal ELSE '' END
                   FROM kolony.commands c WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id);
BEGIN
    IF OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_CANCELLED', about,
            jsonb_build_object('reason', "left"(NEW.cancel_why, 200), 'at_once', NEW.outcome IS NOT NULL),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF OLD.outcome IS NOT NULL AND NEW.outcome IS NULL AND NOT kolony.is_undoing() THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_RETRIED', about, jsonb_build_object('before', OLD.outcome),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF NEW.priority <> OLD.priority THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_PRIORITY_CHANGED', about,
            kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['priority']),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    RETURN NULL;
END
$$;

-- What people do with one run beside what kolony.audit_run writes.
CREATE FUNCTION kolony.audit_steering() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about text := (SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || NEW.ordinal ELSE '' END
                   FROM kolony.commands c WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id);
BEGIN
    IF NEW.held_by IS NOT NULL AND OLD.held_at IS NULL AND NOT kolony.is_undoing() THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_HELD', about,
            jsonb_build_object('reason', "left"(NEW.held_why, 200)), NEW.agent_id, NEW.command_id, NEW.run_id);
    ELSIF OLD.held_at IS NOT NULL AND NEW.held_at IS NULL AND NEW.outcome IS NULL THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_RELEASED', about, '{}',
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF NEW.interrupt_at IS NOT NULL AND OLD.interrupt_at IS DISTINCT FROM NEW.interrupt_at THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_INTERRUPTED', about,
            jsonb_build_object('reason', "left"(NEW.interrupt_why, 200)), NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    IF NEW.agent_id <> OLD.agent_id THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'RUN_ASSIGNED', about, jsonb_build_object(
            'before', (SELECT a.name FROM kolony.agents a
                       WHERE a.workspace_id = OLD.workspace_id AND a.agent_id = OLD.agent_id),
            'after', (SELECT a.name FROM kolony.agents a
                      WHERE a.workspace_id = NEW.workspace_id AND a.agent_id = NEW.agent_id)),
            NEW.agent_id, NEW.command_id, NEW.run_id);
    END IF;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.audit_steering() TO kolony_owner;

-- Cancels one run that has not ended: at once while it waits, otherwise as a request that its runner acknowledges.
-- became: 'cancelled', 'requested', or null where it has ended; was: what undoing it needs. The caller has checked the
-- rights.
DROP FUNCTION kolony.cancel_open_run(uuid, uuid, text);
CREATE FUNCTION kolony.cancel_open_run(home uuid, the_run uuid, why text, OUT became text, OUT was jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    -- The run first: whoever is just putting it back into a queue holds it until the queue has it.
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NOT NULL THEN
        RETURN;
    END IF;
    waiting := kolony.take_waiting(home, the_run);
    IF waiting.run_id IS NULL THEN
        UPDATE kolony.runs r SET cancel_at = coalesce(r.cancel_at, now()),
            cancel_by = coalesce(r.cancel_by, kolony.my_profile_id()), cancel_why = coalesce(r.cancel_why, why)
        WHERE r.workspace_id = home AND r.run_id = the_run;
        became := 'requested';
        RETURN;
    END IF;
    UPDATE kolony.runs r SET outcome = 'cancelled', finished_at = now(), cancel_at = now(),
        cancel_by = kolony.my_profile_id(), cancel_why = why, held_at = NULL, held_by = NULL, held_why = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    became := 'cancelled';
    was := to_jsonb(waiting) || jsonb_build_object('cancelled_at', now(), 'held_at', run.held_at,
        'held_by', run.held_by, 'held_why', run.held_why, 'error', run.error, 'exit_code', run.exit_code);
END
$$;

CREATE FUNCTION kolony.hold_waiting_run(home uuid, the_run uuid, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.held_at IS NOT NULL THEN
        RAISE EXCEPTION 'this run is held already%', coalesce(' by ' || (SELECT p.login FROM kolony.profiles p
            WHERE p.profile_id = run.held_by), '') USING ERRCODE = '55000';
    END IF;
    waiting := kolony.take_waiting(home, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    waiting.held := true;
    -- It gives its seat in the command's window up.
    waiting.beyond := (SELECT c.at_a_time IS NOT NULL FROM kolony.commands c
                       WHERE c.workspace_id = home AND c.command_id = run.command_id);
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET held_at = now(), held_by = kolony.my_profile_id(), held_why = why
    WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN 'held';
END
$$;

-- What keeps a step for waiting runs from one that does not wait.
CREATE FUNCTION kolony.require_waiting(run kolony.runs, waiting kolony.blocked_runs) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF run.outcome IS NOT NULL THEN
        RAISE EXCEPTION 'this run has ended already (%)', run.outcome USING ERRCODE = '55000';
    ELSIF waiting.run_id IS NULL THEN
        RAISE EXCEPTION 'this run does not wait any more'
            USING ERRCODE = '55000', HINT = 'it has begun: it can be interrupted or cancelled';
    END IF;
END
$$;

-- Lets go a run that is held or, where nobody holds it, one that waits for others to end.
CREATE FUNCTION kolony.release_waiting_run(home uuid, the_run uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(home, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    IF waiting.held THEN
        waiting.held := false;
        waiting.after := waiting.after AND kolony.comes_later(home, run.command_id);
    ELSIF waiting.after THEN
        waiting.after := false;
    ELSE
        RAISE EXCEPTION 'nobody holds this run' USING ERRCODE = '55000', HINT = 'kolony run why says what it waits for';
    END IF;
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET held_at = NULL, held_by = NULL, held_why = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run AND r.held_at IS NOT NULL;
    RETURN 'released';
END
$$;

-- Puts a run that failed or was cancelled back into its agent's queue, with its tries counted anew.
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
        cancel_at = NULL, cancel_by = NULL, cancel_why = NULL, limit_hit = NULL, interrupt_at = NULL,
        interrupt_by = NULL, interrupt_why = NULL, interrupt_heard_at = NULL
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

CREATE FUNCTION kolony.set_waiting_priority(home uuid, the_run uuid, to_priority integer, by integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
    waiting kolony.blocked_runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(home, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    waiting.priority := coalesce(to_priority, least(greatest(run.priority + by, 0), 100));
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET priority = waiting.priority WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN waiting.priority::text;
END
$$;

-- Asks a run at work to come to an end by itself. Once more: the runner is told once more.
CREATE FUNCTION kolony.interrupt_open_run(home uuid, the_run uuid, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
BEGIN
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = home AND r.run_id = the_run FOR NO KEY UPDATE;
    IF run.outcome IS NOT NULL THEN
        RAISE EXCEPTION 'this run has ended already (%)', run.outcome USING ERRCODE = '55000';
    ELSIF run.cancel_at IS NOT NULL THEN
        RAISE EXCEPTION 'this run is being cancelled' USING ERRCODE = '55000';
    ELSIF NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = home AND l.run_id = the_run) THEN
        RAISE EXCEPTION 'this run has not begun' USING ERRCODE = '55000', HINT = 'hold it, or cancel it';
    END IF;
    UPDATE kolony.runs r SET interrupt_at = clock_timestamp(), interrupt_by = kolony.my_profile_id(),
        interrupt_why = why, interrupt_heard_at = NULL
    WHERE r.workspace_id = home AND r.run_id = the_run;
    RETURN 'requested';
END
$$;

-- One step on one run, which the caller may take; answers with what became of it. undoable collects what undo needs.
CREATE FUNCTION kolony.take_step(home uuid, the_run uuid, step text, why text, number integer, INOUT undoable jsonb,
    OUT became text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cancelled record;
BEGIN
    CASE step
        WHEN 'cancel' THEN
            SELECT * INTO cancelled FROM kolony.cancel_open_run(home, the_run, why);
            became := cancelled.became;
            IF became IS NULL THEN
                RAISE EXCEPTION 'this run has ended already (%)', (SELECT r.outcome FROM kolony.runs r
                    WHERE r.workspace_id = home AND r.run_id = the_run) USING ERRCODE = '55000';
            ELSIF cancelled.was IS NOT NULL AND jsonb_array_length(undoable) < 10000 THEN
                undoable := undoable || jsonb_build_array(cancelled.was);
            END IF;
        WHEN 'hold' THEN became := kolony.hold_waiting_run(home, the_run, why);
        WHEN 'release' THEN became := kolony.release_waiting_run(home, the_run);
        WHEN 'interrupt' THEN became := kolony.interrupt_open_run(home, the_run, why);
        WHEN 'priority' THEN became := kolony.set_waiting_priority(home, the_run, number, NULL);
        WHEN 'shift' THEN became := kolony.set_waiting_priority(home, the_run, NULL, number);
        WHEN 'retry' THEN
            IF NOT kolony.retry_ended_run(home, the_run) THEN
                RAISE EXCEPTION 'only a run that failed or was cancelled can be retried' USING ERRCODE = '55000';
            END IF;
            became := 'waiting';
    END CASE;
END
$$;

-- One step on many runs, in the order of their ids; what is refused of some does not stop the others. Their commands are
-- summed up afterwards, because commands are locked after runs. With alone, a refusal is raised.
CREATE FUNCTION kolony.take_steps(the_runs uuid[], step text, why text, number integer, alone boolean)
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    each record;
    home uuid;
    reason CONSTANT text := "left"(coalesce(why, ''), 1000);
    undoable jsonb;
    touched uuid[];
BEGIN
    IF cardinality(the_runs) > 100000 THEN
        RAISE EXCEPTION 'at most 100000 runs at once' USING ERRCODE = '22023';
    END IF;
    IF step IN ('priority', 'shift') AND (number IS NULL OR abs(number) > 100 OR step = 'priority' AND number < 0) THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', number USING ERRCODE = '22023';
    END IF;
    RETURN QUERY
    SELECT t, NULL::text, 'there is no such run here' FROM (SELECT DISTINCT unnest(the_runs) AS t) given
    WHERE NOT EXISTS (SELECT FROM kolony.runs r WHERE r.run_id = given.t
                      AND r.workspace_id = ANY (kolony.my_workspace_ids()));
    FOR home IN
        SELECT DISTINCT r.workspace_id FROM kolony.runs r
        WHERE r.workspace_id = ANY (kolony.my_workspace_ids()) AND r.run_id = ANY (the_runs) ORDER BY 1
    LOOP
        PERFORM kolony.require_role(home, 'operator');
        IF step NOT IN ('cancel', 'retry') THEN
            PERFORM kolony.settle_lost(home, a.agent_id) FROM (
                SELECT DISTINCT r.agent_id FROM kolony.runs r
                WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) ORDER BY 1) a;
        END IF;
        undoable := '[]';
        touched := '{}';
        FOR each IN
            SELECT r.run_id, r.command_id FROM kolony.runs r
            WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) ORDER BY r.run_id
        LOOP
            run_id := each.run_id;
            refused := NULL;
            IF alone THEN
                SELECT s.undoable, s.became INTO undoable, became
                FROM kolony.take_step(home, each.run_id, step, reason, number, undoable) s;
            ELSE
                BEGIN
                    SELECT s.undoable, s.became INTO undoable, became
                    FROM kolony.take_step(home, each.run_id, step, reason, number, undoable) s;
                EXCEPTION WHEN object_not_in_prerequisite_state OR invalid_parameter_value THEN
                    became := NULL;
                    refused := SQLERRM;
                END;
            END IF;
            RETURN NEXT;
            CONTINUE WHEN refused IS NOT NULL;
            touched := touched || each.command_id;
        END LOOP;
        IF step NOT IN ('priority', 'shift', 'interrupt') THEN
            PERFORM kolony.roll_up(home, t.command_id)
            FROM (SELECT DISTINCT unnest(touched) AS command_id ORDER BY 1) t;
        END IF;
        IF step = 'retry' AND touched <> '{}' THEN
            PERFORM kolony.require_room(home, 'waiting runs');
        ELSIF step = 'cancel' THEN
            PERFORM kolony.remember_cancel(home, undoable);
            -- After the requests: a runner that is gone will not confirm them, so its runs end here.
            PERFORM kolony.settle_lost(home, a.agent_id) FROM (
                SELECT DISTINCT r.agent_id FROM kolony.runs r
                WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) ORDER BY 1) a;
        END IF;
        PERFORM kolony.hint(home, 'agent:' || a.agent_id) FROM (
            SELECT DISTINCT r.agent_id FROM kolony.runs r
            WHERE r.workspace_id = home AND r.run_id = ANY (the_runs) LIMIT 100) a;
    END LOOP;
END
$$;

-- So that those who cancelled by mistake can take it back. More than 10000 runs are not kept.
CREATE FUNCTION kolony.remember_cancel(home uuid, cancelled jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    many CONSTANT integer := jsonb_array_length(cancelled);
BEGIN
    IF many BETWEEN 1 AND 9999 THEN
        PERFORM kolony.remember_undo(home, 'cancel', CASE WHEN many > 1 THEN format('cancel of %s runs', many) ELSE
            (SELECT 'cancel of #' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END
             FROM kolony.runs r
             JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
             WHERE r.workspace_id = home AND r.run_id = (cancelled -> 0 ->> 'run_id')::uuid) END,
            jsonb_build_object('runs', cancelled));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kolony.cancel_run(the_run uuid, why text DEFAULT '') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    requested text := (SELECT s.became FROM kolony.take_steps(ARRAY[the_run], 'cancel', why, NULL, true) s);
BEGIN
    RETURN coalesce((SELECT r.outcome FROM kolony.runs r
                     WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run), requested);
END
$$;

CREATE OR REPLACE FUNCTION kolony.retry_run(the_run uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'retry', NULL, NULL, true);
END
$$;

CREATE OR REPLACE FUNCTION kolony.set_run_priority(the_run uuid, priority integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'priority', NULL, priority, true);
END
$$;

CREATE FUNCTION kolony.hold_run(the_run uuid, why text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'hold', why, NULL, true);
END
$$;

CREATE FUNCTION kolony.release_run(the_run uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'release', NULL, NULL, true);
END
$$;

CREATE FUNCTION kolony.interrupt_run(the_run uuid, why text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.run_for_step(the_run);
    PERFORM kolony.take_steps(ARRAY[the_run], 'interrupt', why, NULL, true);
END
$$;

-- The same for many: one row a run, with what became of it or why it was refused.
CREATE FUNCTION kolony.cancel_runs(the_runs uuid[], why text DEFAULT '')
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM kolony.take_steps(the_runs, 'cancel', why, NULL, false)
$$;
CREATE FUNCTION kolony.hold_runs(the_runs uuid[], why text DEFAULT '')
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM kolony.take_steps(the_runs, 'hold', why, NULL, false)
$$;
CREATE FUNCTION kolony.release_runs(the_runs uuid[])
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM kolony.take_steps(the_runs, 'release', NULL, NULL, false)
$$;
CREATE FUNCTION kolony.retry_runs(the_runs uuid[])
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM kolony.take_steps(the_runs, 'retry', NULL, NULL, false)
$$;
CREATE FUNCTION kolony.interrupt_runs(the_runs uuid[], why text DEFAULT '')
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM kolony.take_steps(the_runs, 'interrupt', why, NULL, false)
$$;
CREATE FUNCTION kolony.set_runs_priority(the_runs uuid[], priority integer)
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM kolony.take_steps(the_runs, 'priority', NULL, priority, false)
$$;
-- By so much up, or down where it is negative; no further than 0 and 100.
CREATE FUNCTION kolony.shift_runs_priority(the_runs uuid[], by integer)
RETURNS TABLE (run_id uuid, became text, refused text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM kolony.take_steps(the_runs, 'shift', NULL, by, false)
$$;

COMMENT ON FUNCTION kolony.hold_run(uuid, text) IS 'operator: hold a waiting run';
COMMENT ON FUNCTION kolony.release_run(uuid) IS 'operator: let a run go that is held or waits for others';
COMMENT ON FUNCTION kolony.interrupt_run(uuid, text) IS 'operator: ask a run at work to come to an end';
COMMENT ON FUNCTION kolony.cancel_runs(uuid[], text) IS 'operator: cancel many runs';
COMMENT ON FUNCTION kolony.hold_runs(uuid[], text) IS 'operator: hold many waiting runs';
COMMENT ON FUNCTION kolony.release_runs(uuid[]) IS 'operator: let many runs go';
COMMENT ON FUNCTION kolony.retry_runs(uuid[]) IS 'operator: run many again that failed or were cancelled';
COMMENT ON FUNCTION kolony.interrupt_runs(uuid[], text) IS 'operator: ask many runs at work to come to an end';
COMMENT ON FUNCTION kolony.set_runs_priority(uuid[], integer) IS 'operator: give many waiting runs a priority';
COMMENT ON FUNCTION kolony.shift_runs_priority(uuid[], integer) IS 'operator: raise or lower many waiting runs';
GRANT EXECUTE ON FUNCTION kolony.hold_run(uuid, text), kolony.release_run(uuid), kolony.interrupt_run(uuid, text),
    kolony.cancel_runs(uuid[], text), kolony.hold_runs(uuid[], text), kolony.release_runs(uuid[]),
    kolony.retry_runs(uuid[]), kolony.interrupt_runs(uuid[], text), kolony.set_runs_priority(uuid[], integer),
    kolony.shift_runs_priority(uuid[], integer) TO kolony_user;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER audit_steering AFTER UPDATE OF held_at, interrupt_at, agent_id ON kolony.runs
    FOR EACH ROW WHEN (OLD.held_at IS DISTINCT FROM NEW.held_at OR OLD.interrupt_at IS DISTINCT FROM NEW.interrupt_at
                       OR OLD.agent_id <> NEW.agent_id)
    EXECUTE FUNCTION kolony.audit_steering();

RESET ROLE;
