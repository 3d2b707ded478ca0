-- Why a run waits: a tree of reasons, each with what would free it.

SET LOCAL ROLE kolony_api;

-- What keeps an agent from claiming: an emergency stop, a pause, retirement, no runner, all of its slots taken.
CREATE FUNCTION kolony.why_agent(home uuid, of_agent uuid)
RETURNS TABLE (depth integer, kind text, words text, remedy text, subject_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    its kolony.agent_overview;
    stop record;
BEGIN
    SELECT * INTO STRICT its FROM kolony.agent_overview o WHERE o.workspace_id = home AND o.agent_id = of_agent;
    SELECT * INTO stop FROM kolony.stops_in_force f
    WHERE f.workspace_id = home AND f.agent_id = of_agent ORDER BY f.began_at LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT 0, 'stopped', format('an emergency stop by %s holds the agent "%s", for %s%s',
            coalesce(stop.began_by_login, 'somebody'), its.name, kolony.in_words(now() - stop.began_at),
            coalesce(': ' || nullif(stop.why, ''), '')), 'lift the stop', stop.stop_id;
    END IF;
    IF its.desired <> 'active' THEN
        RETURN QUERY SELECT 0, its.desired, format('the agent "%s" was %s by %s %s ago%s', its.name, its.desired,
            coalesce(its.desired_by_login, 'somebody'), kolony.in_words(now() - its.desired_since),
            coalesce(': ' || nullif(its.desired_why, ''), '')), 'resume the agent', of_agent;
    END IF;
    IF its.sessions = 0 THEN
        RETURN QUERY SELECT 0, 'offline', CASE WHEN its.last_seen IS NULL THEN
                format('no runner of the agent "%s" was ever here', its.name)
            ELSE format('no runner of the agent "%s" is connected, since %s%s', its.name,
                kolony.in_words(now() - its.disconnected_at), coalesce(' (' || nullif(its.end_reason, '') || ')', '')) END,
            'start its runner: kolony agent run', of_agent;
    ELSIF its.running >= its.slots THEN
        RETURN QUERY SELECT 0, 'busy', format('the agent "%s" is busy: %s of %s slots are taken', its.name, its.running,
            its.slots), 'wait, start another runner, or cancel one of them', of_agent;
        RETURN QUERY SELECT 1, 'holds_slot', format('#%s, %s for %s, asked by %s: %s', kolony.run_reference(home, l.run_id),
                CASE WHEN r.cancel_at IS NOT NULL THEN 'being cancelled' WHEN t.started_at IS NULL THEN 'dispatching'
                     ELSE 'executing' END,
                kolony.in_words(now() - coalesce(t.started_at, t.claimed_at)), coalesce(p.login, 'somebody'),
                "left"(c.title, 60)), 'cancel it', l.run_id
            FROM kolony.leases l
            JOIN kolony.attempts t ON t.workspace_id = l.workspace_id AND t.attempt_id = l.attempt_id
            JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
            JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
            LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
            WHERE l.workspace_id = home AND l.agent_id = of_agent ORDER BY t.claimed_at LIMIT 10;
    END IF;
END
$$;

-- How the commands stand that a command comes after, those that have not ended as needed.
CREATE FUNCTION kolony.why_later(home uuid, the_command uuid)
RETURNS TABLE (depth integer, kind text, words text, remedy text, subject_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT 1, CASE WHEN o.finished_at IS NOT NULL THEN 'dependency_failed' WHEN o.submitted_at IS NULL THEN 'dependency_draft'
                   ELSE 'dependency' END,
           format('#%s has to be %s, it is %s%s: %s', o.number, d.need, o.status,
               CASE WHEN o.finished_at IS NULL AND o.runs > 1 THEN
                   format(' (%s of %s ended)', o.completed + o.failed + o.cancelled, o.runs) ELSE '' END, "left"(o.title, 60)),
           CASE WHEN o.finished_at IS NOT NULL THEN 'retry it, or release this run'
                WHEN o.submitted_at IS NULL THEN 'submit it, or release this run'
                ELSE 'wait, or release this run' END, d.after_id
    FROM kolony.command_dependencies d
    JOIN kolony.command_overview o ON o.workspace_id = d.workspace_id AND o.command_id = d.after_id
    WHERE d.workspace_id = home AND d.command_id = the_command
      AND (o.finished_at IS NULL OR d.need = 'completed' AND o.status <> 'completed')
    ORDER BY o.number LIMIT 20;
END
$$;

-- What a run that no claim may take waits for: a hold, other commands, its turn, its time.
CREATE FUNCTION kolony.why_blocked(run kolony.runs)
RETURNS TABLE (depth integer, kind text, words text, remedy text, subject_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    home CONSTANT uuid := run.workspace_id;
    command kolony.commands;
    blocked kolony.blocked_runs;
    due timestamptz;
BEGIN
    SELECT * INTO STRICT command FROM kolony.commands c WHERE c.workspace_id = home AND c.command_id = run.command_id;
    SELECT * INTO blocked FROM kolony.blocked_runs b WHERE b.workspace_id = home AND b.run_id = run.run_id;
    due := coalesce(blocked.due_at, (SELECT s.due_at FROM kolony.scheduled_runs s
                                     WHERE s.workspace_id = home AND s.run_id = run.run_id));
    IF blocked.held THEN
        RETURN QUERY SELECT 0, CASE WHEN run.held_by IS NULL THEN 'canary' ELSE 'held' END,
            format('held by %s %s ago%s', coalesce((SELECT p.login FROM kolony.profiles p
                WHERE p.profile_id = run.held_by), 'its command, which stops after ' || kolony.counted(command.stop_after, 'failure')),
                kolony.in_words(now() - run.held_at), coalesce(': ' || nullif(run.held_why, ''), '')),
            'release it', run.run_id;
    END IF;
    IF blocked.after THEN
        RETURN QUERY SELECT 0, 'after', format('command #%s comes after others that have not ended as needed',
            command.number), 'wait for them, or release this run', run.command_id;
        RETURN QUERY SELECT * FROM kolony.why_later(home, run.command_id);
    END IF;
    IF blocked.beyond AND NOT blocked.held THEN
        RETURN QUERY SELECT 0, 'window', format('command #%s lets %s in at a time', command.number,
            kolony.counted(command.at_a_time, 'run')),
            'wait for one of these to end, or cancel it', run.command_id;
        RETURN QUERY SELECT 1, 'let_in', format('#%s on "%s" is %s', kolony.run_reference(home, o.run_id), o.agent,
            o.status), NULL, o.run_id
            FROM kolony.run_overview o
            WHERE o.workspace_id = home AND o.command_id = run.command_id AND o.finished_at IS NULL
              AND NOT EXISTS (SELECT FROM kolony.blocked_runs b
                              WHERE b.workspace_id = home AND b.run_id = o.run_id AND b.beyond)
            ORDER BY o.ordinal LIMIT 10;
    END IF;
    IF due > now() THEN
        RETURN QUERY SELECT 0, CASE WHEN due = command.not_before THEN 'not_before' ELSE 'backoff' END,
            CASE WHEN due = command.not_before THEN
                format('not before %s UTC, in %s', to_char(due AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
                    kolony.in_words(due - now()))
            ELSE format('tried %s; tried again in %s%s', kolony.counted(run.failed_tries, 'time'), kolony.in_words(due - now()),
                coalesce(': ' || "left"(run.error, 200), '')) END,
            'wait, or cancel it', run.run_id;
    END IF;
END
$$;

-- Where a ready run stands in its agent's queue, and which runs come before it.
CREATE FUNCTION kolony.why_queued(run kolony.runs)
RETURNS TABLE (depth integer, kind text, words text, remedy text, subject_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    mine kolony.ready_runs;
    ahead bigint;
BEGIN
    SELECT * INTO mine FROM kolony.ready_runs q WHERE q.workspace_id = run.workspace_id AND q.run_id = run.run_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(*) INTO ahead FROM (
        SELECT FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id AND q.priority >= mine.priority
          AND (q.priority > mine.priority OR (q.place, q.run_id) < (mine.place, mine.run_id)) LIMIT 1000) q;
    IF ahead = 0 THEN
        RETURN QUERY SELECT 0, 'next', 'it is the next one of its agent''s queue', NULL, run.run_id;
        RETURN;
    END IF;
    RETURN QUERY SELECT 0, 'behind', format('%s run%s before it in the agent''s queue (its priority is %s)',
        CASE WHEN ahead = 1000 THEN '1000 or more' ELSE ahead::text END, CASE WHEN ahead = 1 THEN ' comes' ELSE 's come' END,
        mine.priority), 'raise it, or move it to the front', run.run_id;
    RETURN QUERY SELECT 1, 'ahead', format('#%s, priority %s: %s', kolony.run_reference(run.workspace_id, q.run_id), q.priority,
        (SELECT "left"(c.title, 60) FROM kolony.runs r
         JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
         WHERE r.workspace_id = run.workspace_id AND r.run_id = q.run_id)), NULL, q.run_id
        FROM kolony.ready_runs q
        WHERE q.workspace_id = run.workspace_id AND q.agent_id = run.agent_id AND q.priority >= mine.priority
          AND (q.priority > mine.priority OR (q.place, q.run_id) < (mine.place, mine.run_id))
        ORDER BY q.priority DESC, q.place, q.run_id LIMIT 3;
END
$$;

-- A tree in preorder: depth 0 are the reasons, each of which keeps the run waiting; deeper ones say what is behind one.
-- remedy: what would free it; null where it is an explanation. subject_id: what the line is about.
CREATE FUNCTION kolony.why_waiting(the_run uuid)
RETURNS TABLE (depth integer, kind text, words text, remedy text, subject_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    run kolony.runs;
    status text;
BEGIN
    SELECT * INTO run FROM kolony.runs r
    WHERE r.run_id = the_run AND r.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such run here' USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    PERFORM kolony.require_role(run.workspace_id, 'viewer');
    SELECT CASE WHEN o.lost THEN 'lost' ELSE o.status END INTO STRICT status FROM kolony.run_overview o
    WHERE o.workspace_id = run.workspace_id AND o.run_id = the_run;
    IF status = 'lost' THEN
        RETURN QUERY SELECT 0, 'lost', 'its runner stopped answering; the next claim takes it back', NULL, the_run;
    ELSIF status <> 'waiting' THEN
        RETURN QUERY SELECT 0, status, format('it does not wait: it is %s', status), NULL, the_run;
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM kolony.why_blocked(run);
    RETURN QUERY SELECT * FROM kolony.why_agent(run.workspace_id, run.agent_id);
    RETURN QUERY SELECT * FROM kolony.why_queued(run);
END
$$;

COMMENT ON FUNCTION kolony.why_waiting(uuid) IS 'viewer: ask what a run waits for';
GRANT EXECUTE ON FUNCTION kolony.why_waiting(uuid) TO kolony_user;

RESET ROLE;
