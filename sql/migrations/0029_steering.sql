-- Steering whole commands and queues: cancel, hold, release, retry; a run's place and agent; retirement; and undo.

SET LOCAL ROLE kolony_api;

-- As in 0005; what was cancelled before it began can be brought back for a while.
CREATE OR REPLACE FUNCTION kolony.cancel_command(the_command uuid, why text DEFAULT '')
RETURNS TABLE (cancelled bigint, requested bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    open_run uuid;
    one record;
    undoable jsonb := '[]';
    asked uuid[] := '{}';
BEGIN
    UPDATE kolony.commands c SET outcome = 'cancelled', finished_at = now()
    WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command
      AND c.submitted_at IS NULL AND c.outcome IS NULL;
    IF FOUND THEN
        PERFORM kolony.remember_undo(command.workspace_id, 'cancel', format('cancel of the draft #%s', command.number),
            jsonb_build_object('draft', the_command));
    ELSE
        FOR open_run IN
            SELECT r.run_id FROM kolony.runs r
            WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND r.outcome IS NULL
            ORDER BY r.run_id
        LOOP
            SELECT * INTO one FROM kolony.cancel_open_run(command.workspace_id, open_run, "left"(coalesce(why, ''), 1000));
            CONTINUE WHEN one.became IS NULL;
            asked := asked || open_run;
            IF one.was IS NOT NULL AND jsonb_array_length(undoable) < 10000 THEN
                undoable := undoable || jsonb_build_array(one.was);
            END IF;
        END LOOP;
        IF asked = '{}' THEN
            RAISE EXCEPTION 'command #% has ended already (%)', command.number, (SELECT c.outcome FROM kolony.commands c
                WHERE c.workspace_id = command.workspace_id AND c.command_id = the_command) USING ERRCODE = '55000';
        END IF;
        PERFORM kolony.roll_up(command.workspace_id, the_command);
        PERFORM kolony.remember_cancel(command.workspace_id, undoable);
        PERFORM kolony.settle_lost(command.workspace_id, NULL);
    END IF;
    PERFORM kolony.record_audit(command.workspace_id, 'COMMAND_CANCELLED', '#' || command.number,
        jsonb_build_object('reason', "left"(why, 200), 'runs', cardinality(asked)), NULL, the_command);
    PERFORM kolony.hint(command.workspace_id, 'agents:*');
    RETURN QUERY SELECT count(*) FILTER (WHERE r.outcome IS NOT NULL), count(*) FILTER (WHERE r.outcome IS NULL)
                 FROM kolony.runs r WHERE r.workspace_id = command.workspace_id AND r.run_id = ANY (asked);
END
$$;

-- One step on those runs of a command for which it is right; answers for how many. Refuses where it is right for none.
CREATE FUNCTION kolony.step_command(the_command uuid, step text, why text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    command kolony.commands := kolony.command_for_step(the_command, 'operator');
    done bigint;
BEGIN
    SELECT count(*) INTO done FROM kolony.take_steps(ARRAY(
        SELECT r.run_id FROM kolony.runs r
        WHERE r.workspace_id = command.workspace_id AND r.command_id = the_command AND CASE step
            WHEN 'retry' THEN r.outcome IN ('failed', 'cancelled')
            WHEN 'hold' THEN r.outcome IS NULL AND r.held_at IS NULL
                AND NOT EXISTS (SELECT FROM kolony.leases l WHERE l.workspace_id = r.workspace_id AND l.run_id = r.run_id)
            ELSE r.outcome IS NULL AND EXISTS (
                SELECT FROM kolony.blocked_runs b
                WHERE b.workspace_id = r.workspace_id AND b.run_id = r.run_id AND (b.held OR b.after)) END
        ), step, why, NULL, step = 'retry') s
    WHERE s.refused IS NULL;
    IF done = 0 THEN
        RAISE EXCEPTION 'command #% has no run that %', command.number, CASE step
            WHEN 'retry' THEN 'failed or was cancelled' WHEN 'hold' THEN 'waits and is not held'
            ELSE 'is held or waits for others' END USING ERRCODE = '55000';
    END IF;
    RETURN done;
END
$$;

CREATE OR REPLACE FUNCTION kolony.retry_command(the_command uuid) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT kolony.step_command(the_command, 'retry', NULL)
$$;
CREATE FUNCTION kolony.hold_command(the_command uuid, why text DEFAULT '') RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT kolony.step_command(the_command, 'hold', why)
$$;
CREATE FUNCTION kolony.release_command(the_command uuid) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT kolony.step_command(the_command, 'release', NULL)
$$;

-- Moves a waiting run to a place of its agent's queue, 1 is the next one to be claimed. It takes the priority of its new
-- neighbours where its own does not fit between them. Answers with the place it got.
CREATE FUNCTION kolony.move_run(the_run uuid, to_position integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    waiting kolony.blocked_runs;
    above kolony.ready_runs;
    below kolony.ready_runs;
    queued bigint;
BEGIN
    IF to_position IS NULL OR to_position < 1 THEN
        RAISE EXCEPTION 'a position is 1 (the next one) or more, not %', to_position USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    -- As a claim does: nobody claims or moves in this queue meanwhile.
    PERFORM FROM kolony.agents a
    WHERE a.workspace_id = run.workspace_id AND a.agent_id = run.agent_id FOR NO KEY UPDATE;
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(run.workspace_id, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    IF waiting.held OR waiting.after OR waiting.beyond OR waiting.due_at > now() THEN
        RAISE EXCEPTION 'this run is not in the queue yet'
            USING ERRCODE = '55000', HINT = 'kolony run why says what it waits for';
    END IF;
    SELECT count(*) INTO queued FROM (SELECT FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id LIMIT to_position - 1) q;
    to_position := queued + 1;
    SELECT * INTO above FROM kolony.ready_runs q
    WHERE to_position > 1 AND q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id
    ORDER BY q.priority DESC, q.place, q.run_id LIMIT 1 OFFSET greatest(to_position - 2, 0);
    SELECT * INTO below FROM kolony.ready_runs q
    WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id
    ORDER BY q.priority DESC, q.place, q.run_id LIMIT 1 OFFSET to_position - 1;
    waiting.priority := least(greatest(waiting.priority, below.priority), above.priority);
    IF above.priority = waiting.priority AND below.priority = waiting.priority AND above.place = below.place THEN
        -- Many at one place: they spread, in the order that they have.
        UPDATE kolony.ready_runs q SET place = q.place + n.nth * 0.000000001
        FROM (SELECT t.run_id, row_number() OVER (ORDER BY t.run_id) AS nth FROM kolony.ready_runs t
              WHERE t.workspace_id = run.workspace_id AND t.agent_id = run.agent_id AND t.priority = above.priority
                AND t.place = above.place) n
        WHERE q.workspace_id = run.workspace_id AND q.run_id = n.run_id;
        SELECT q.place INTO above.place FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.run_id = above.run_id;
        SELECT q.place INTO below.place FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.run_id = below.run_id;
    END IF;
    waiting.place := CASE
        WHEN above.priority = waiting.priority AND below.priority = waiting.priority THEN
            (above.place + below.place) * 0.5
        WHEN above.priority = waiting.priority THEN above.place + 0.000001
        WHEN below.priority = waiting.priority THEN below.place - 1
        ELSE waiting.place END;
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.runs r SET priority = waiting.priority
    WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run AND r.priority <> waiting.priority;
    PERFORM kolony.record_audit(run.workspace_id, 'RUN_MOVED', (
        SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || run.ordinal ELSE '' END
        FROM kolony.commands c WHERE c.workspace_id = run.workspace_id AND c.command_id = run.command_id),
        jsonb_build_object('position', to_position), run.agent_id, run.command_id, the_run);
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id);
    RETURN to_position;
END
$$;

-- Gives a waiting run to another agent.
CREATE FUNCTION kolony.assign_run(the_run uuid, to_agent uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    waiting kolony.blocked_runs;
    target kolony.agents;
BEGIN
    PERFORM kolony.settle_lost(run.workspace_id, run.agent_id);
    SELECT * INTO target FROM kolony.agents a
    WHERE a.workspace_id = run.workspace_id AND a.agent_id = to_agent FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    ELSIF target.desired = 'retired' THEN
        RAISE EXCEPTION 'the agent "%" is retired', target.name USING ERRCODE = '55000', HINT = 'resume it, or choose another';
    END IF;
    SELECT * INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run FOR NO KEY UPDATE;
    waiting := kolony.take_waiting(run.workspace_id, the_run);
    PERFORM kolony.require_waiting(run, waiting);
    IF run.agent_id = to_agent THEN
        RAISE EXCEPTION 'it is a run of "%" already', target.name USING ERRCODE = '55000';
    END IF;
    waiting.agent_id := to_agent;
    UPDATE kolony.runs r SET agent_id = to_agent WHERE r.workspace_id = run.workspace_id AND r.run_id = the_run;
    PERFORM kolony.put_waiting(waiting);
    UPDATE kolony.commands c SET targets[run.ordinal] = to_agent
    WHERE c.workspace_id = run.workspace_id AND c.command_id = run.command_id;
    PERFORM kolony.hint(run.workspace_id, 'agent:' || run.agent_id), kolony.hint(run.workspace_id, 'agent:' || to_agent);
END
$$;

-- As in 0005; a retirement can be undone for a while, with the runs that it cancelled.
CREATE OR REPLACE FUNCTION kolony.set_agent_desired(of_agent uuid, to_desired text, why text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    home uuid := kolony.workspace_of_agent(of_agent);
    agent kolony.agents;
    waiting uuid;
    its_command uuid;
    one record;
    undoable jsonb := '[]';
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
            SELECT * INTO one FROM kolony.cancel_open_run(home, waiting, 'its agent was retired');
            IF one.was IS NOT NULL AND jsonb_array_length(undoable) < 10000 THEN
                undoable := undoable || jsonb_build_array(one.was);
            END IF;
        END LOOP;
        FOR its_command IN
            SELECT DISTINCT r.command_id FROM kolony.runs r
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            WHERE r.workspace_id = home AND r.agent_id = of_agent AND r.outcome = 'cancelled' AND c.outcome IS NULL
            ORDER BY r.command_id
        LOOP
            PERFORM kolony.roll_up(home, its_command);
        END LOOP;
        IF agent.desired <> 'retired' AND jsonb_array_length(undoable) < 10000 THEN
            PERFORM kolony.remember_undo(home, 'retire', format('retirement of "%s"', agent.name), jsonb_build_object(
                'agent', to_jsonb(agent) - 'config' - 'instructions' - 'description', 'retired_at', now(),
                'runs', undoable));
        END IF;
    ELSIF agent.desired = 'retired' THEN
        PERFORM kolony.require_room(home, 'agents');
    END IF;
    PERFORM kolony.hint(home, 'agent:' || of_agent);
END
$$;

-- Keeps what somebody just did, so that kolony.undo_<kind> can take it back for 30 seconds. title: what it was, in words.
CREATE FUNCTION kolony.remember_undo(home uuid, kind text, title text, facts jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
    made uuid;
BEGIN
    IF me IS NULL THEN
        RETURN NULL; -- a runner's step, which nobody takes back
    END IF;
    DELETE FROM kolony.undo_steps u WHERE u.profile_id = me AND u.made_at < now() - interval '1 day';
    INSERT INTO kolony.undo_steps (workspace_id, profile_id, kind, title, facts)
    VALUES (home, me, kind, "left"(title, 300), facts) RETURNING step_id INTO made;
    RETURN made;
END
$$;

-- Takes back one's own last step that can be, or this one. Answers with what it was.
CREATE FUNCTION kolony.undo(the_step uuid DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step kolony.undo_steps;
BEGIN
    IF kolony.my_workspace_ids() = '{}' THEN
        RAISE EXCEPTION 'you are a member of no workspace' USING ERRCODE = '42501', HINT = 'ask an admin to add you';
    END IF;
    SELECT * INTO step FROM kolony.undo_steps u
    WHERE u.profile_id = kolony.my_profile_id() AND u.workspace_id = ANY (kolony.my_workspace_ids())
      AND u.undone_at IS NULL AND u.step_id = coalesce(the_step, u.step_id)
      AND u.made_at > clock_timestamp() - interval '30 seconds'
    ORDER BY u.made_at DESC, u.step_id DESC LIMIT 1 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is nothing to undo'
            USING ERRCODE = '55000', HINT = 'one''s own cancel, retire or delete can be undone for 30 seconds';
    END IF;
    UPDATE kolony.undo_steps u SET undone_at = now()
    WHERE u.workspace_id = step.workspace_id AND u.step_id = step.step_id;
    EXECUTE format('SELECT kolony.%I($1, $2)', 'undo_' || step.kind) USING step.workspace_id, step.facts;
    PERFORM kolony.record_audit(step.workspace_id, 'STEP_UNDONE', step.title, jsonb_build_object('kind', step.kind));
    RETURN step.title;
END
$$;

-- Brings runs back that were cancelled while they waited, each where it waited. Answers with their commands; those that
-- somebody has retried since stay as they are.
CREATE FUNCTION kolony.bring_back(home uuid, cancelled jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was jsonb;
    restored jsonb := '[]';
    waiting kolony.blocked_runs;
    touched uuid[] := '{}';
BEGIN
    FOR was IN SELECT f FROM jsonb_array_elements(cancelled) f ORDER BY (f ->> 'run_id')::uuid LOOP
        waiting := jsonb_populate_record(NULL::kolony.blocked_runs, was);
        PERFORM FROM kolony.runs r
        WHERE r.workspace_id = home AND r.run_id = waiting.run_id AND r.outcome = 'cancelled'
          AND r.cancel_at = (was ->> 'cancelled_at')::timestamptz FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        UPDATE kolony.runs r SET outcome = NULL, finished_at = NULL, cancel_at = NULL, cancel_by = NULL,
            cancel_why = NULL, held_at = (was ->> 'held_at')::timestamptz, held_by = (was ->> 'held_by')::uuid,
            held_why = was ->> 'held_why'
        WHERE r.workspace_id = home AND r.run_id = waiting.run_id;
        restored := restored || jsonb_build_array(was);
    END LOOP;
    FOR was IN SELECT f FROM jsonb_array_elements(restored) f LOOP
        waiting := jsonb_populate_record(NULL::kolony.blocked_runs, was);
        -- What comes first may just have been brought back too; its command is summed up below.
        waiting.after := waiting.after AND (kolony.comes_later(home, waiting.command_id) OR EXISTS (
            SELECT FROM kolony.command_dependencies d
            JOIN kolony.runs r ON r.workspace_id = d.workspace_id AND r.command_id = d.after_id
            WHERE d.workspace_id = home AND d.command_id = waiting.command_id AND r.outcome IS NULL));
        waiting.beyond := (SELECT c.at_a_time IS NOT NULL FROM kolony.commands c
                           WHERE c.workspace_id = home AND c.command_id = waiting.command_id);
        PERFORM kolony.put_waiting(waiting);
        IF kolony.is_retired(home, waiting.agent_id) THEN
            RAISE EXCEPTION 'an agent of it is retired' USING ERRCODE = '55000', HINT = 'resume the agent first';
        END IF;
        touched := touched || waiting.command_id;
    END LOOP;
    PERFORM kolony.roll_up(home, t.command_id)
    FROM (SELECT DISTINCT unnest(touched) AS command_id ORDER BY 1) t;
    PERFORM kolony.require_room(home, 'waiting runs');
    PERFORM kolony.hint(home, 'agents:*');
    RETURN cardinality(touched);
END
$$;

CREATE FUNCTION kolony.undo_cancel(home uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done boolean;
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    IF facts ? 'draft' THEN
        UPDATE kolony.commands c SET outcome = NULL, finished_at = NULL
        WHERE c.workspace_id = home AND c.command_id = (facts ->> 'draft')::uuid
          AND c.submitted_at IS NULL AND c.outcome = 'cancelled';
        done := FOUND;
        PERFORM kolony.hint(home, 'command:' || (facts ->> 'draft'));
    ELSE
        done := kolony.bring_back(home, facts -> 'runs') > 0;
    END IF;
    IF NOT done THEN
        RAISE EXCEPTION 'nothing of it is cancelled any more' USING ERRCODE = '55000';
    END IF;
END
$$;

CREATE FUNCTION kolony.undo_retire(home uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was kolony.agents := jsonb_populate_record(NULL::kolony.agents, facts -> 'agent');
BEGIN
    PERFORM kolony.require_role(home, 'operator');
    UPDATE kolony.agents a SET desired = was.desired, desired_why = was.desired_why, desired_by = was.desired_by,
        desired_since = was.desired_since
    WHERE a.workspace_id = home AND a.agent_id = was.agent_id AND a.desired = 'retired'
      AND a.desired_since = (facts ->> 'retired_at')::timestamptz;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the agent "%" is not retired any more', was.name USING ERRCODE = '55000';
    END IF;
    PERFORM kolony.bring_back(home, facts -> 'runs');
    PERFORM kolony.require_room(home, 'agents');
    PERFORM kolony.hint(home, 'agent:' || was.agent_id);
END
$$;

COMMENT ON FUNCTION kolony.hold_command(uuid, text) IS 'operator: hold what waits of a command';
COMMENT ON FUNCTION kolony.release_command(uuid) IS 'operator: let the runs of a command go that are held or wait for others';
COMMENT ON FUNCTION kolony.move_run(uuid, integer) IS 'operator: move a waiting run to a place in its agent''s queue';
COMMENT ON FUNCTION kolony.assign_run(uuid, uuid) IS 'operator: give a waiting run to another agent';
COMMENT ON FUNCTION kolony.undo(uuid) IS 'member: take back what you just cancelled, retired or deleted';
GRANT EXECUTE ON FUNCTION kolony.hold_command(uuid, text), kolony.release_command(uuid), kolony.move_run(uuid, integer),
    kolony.assign_run(uuid, uuid), kolony.undo(uuid) TO kolony_user;

RESET ROLE;
