-- Kinds of commands: what an agent is asked for beside the text, the runs that a command is about, and plans, whose
-- items become drafts.

SET LOCAL ROLE kolony_owner;

-- Which drafts came of which attempt at a plan, counted from 1.
CREATE TABLE kolony.plan_items (
    workspace_id uuid NOT NULL,
    command_id   uuid NOT NULL,
    run_id       uuid NOT NULL,
    attempt_id   uuid NOT NULL,
    item         integer NOT NULL CHECK (item BETWEEN 1 AND 200),
    PRIMARY KEY (workspace_id, command_id),
    UNIQUE (workspace_id, attempt_id, item),
    FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands,
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts
);
CREATE INDEX plan_items_by_run ON kolony.plan_items (workspace_id, run_id, item);
SELECT kolony.protect('kolony.plan_items');
CREATE POLICY member ON kolony.plan_items FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.plan_items TO kolony_user;

-- The items of plans as a person decides about them. after_items: those that come first.
CREATE VIEW kolony.plan_overview WITH (security_invoker = true) AS
SELECT i.workspace_id, i.run_id, i.item, c.command_id, c.number, c.title, c.content, c.priority, a.agent_id,
       a.name AS agent, d.after_items,
       CASE WHEN c.submitted_at IS NOT NULL THEN 'accepted'
            WHEN c.outcome IS NOT NULL THEN 'discarded'
            ELSE 'draft' END AS state
FROM kolony.plan_items i
JOIN kolony.commands c ON c.workspace_id = i.workspace_id AND c.command_id = i.command_id
JOIN kolony.agents a ON a.workspace_id = c.workspace_id AND a.agent_id = c.targets[1]
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(o.item ORDER BY o.item), '{}') AS after_items
    FROM kolony.command_dependencies n
    JOIN kolony.plan_items o ON o.workspace_id = n.workspace_id AND o.command_id = n.after_id
    WHERE n.workspace_id = i.workspace_id AND n.command_id = i.command_id AND o.attempt_id = i.attempt_id) d
WHERE i.attempt_id = (SELECT l.attempt_id FROM kolony.plan_items l
                      WHERE l.workspace_id = i.workspace_id AND l.run_id = i.run_id ORDER BY l.attempt_id DESC LIMIT 1);
GRANT SELECT ON kolony.plan_overview TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

CREATE FUNCTION kolony.check_kind(kind text, subjects uuid[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about CONSTANT integer := coalesce(cardinality(subjects), 0);
    wrong text := CASE
        WHEN kind IS NULL OR kind NOT IN ('natural', 'investigate', 'review', 'plan', 'synthesize') THEN
            format('a command is natural, investigate, review, plan or synthesize, not "%s"', "left"(kind, 40))
        WHEN kind = 'review' AND about <> 1 THEN format('a review is about exactly one run, not %s', about)
        WHEN kind = 'synthesize' AND about = 0 THEN 'a synthesis is about at least one run'
        WHEN kind = 'synthesize' AND about > 100 THEN format('a synthesis is about at most 100 runs, not %s', about)
        WHEN kind NOT IN ('review', 'synthesize') AND about > 0 THEN
            format('a command of the kind %s is about no run', kind)
        WHEN about <> (SELECT count(DISTINCT s) FROM unnest(subjects) s) THEN 'a run is named twice' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023', HINT = CASE
            WHEN kind IN ('review', 'synthesize') THEN 'name runs, by number or id' ELSE 'see kolony send --help' END;
    END IF;
END
$$;

-- A command is about as many runs as its kind says, and about runs of its own workspace, whoever writes it.
CREATE FUNCTION kolony.check_kind_of_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing uuid;
BEGIN
    PERFORM kolony.check_kind(NEW.kind, NEW.subjects);
    SELECT s INTO missing FROM unnest(NEW.subjects) s
    WHERE NOT EXISTS (SELECT FROM kolony.runs r WHERE r.workspace_id = NEW.workspace_id AND r.run_id = s) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no run % in this workspace', missing
            USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.check_kind_of_row() TO kolony_owner;

-- What a kind asks of an agent beside the command's text; null for a natural command, which speaks for itself.
CREATE FUNCTION kolony.kind_words(kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE kind
        WHEN 'investigate' THEN
            'This is an investigation. Find out what the command asks, change nothing, and say what you found: each '
            'finding with the evidence for it, then what you recommend.'
        WHEN 'review' THEN
            'This is a review of another run''s work. What that run was asked, how it ended and what it printed stands '
            'in the folder "subjects" of the folder that KOLONY_RUN_DIR names: a .json file with the facts and a .txt '
            'file with the output. Judge that work as the command says; do not do it again.'
        WHEN 'synthesize' THEN
            'This is a synthesis of the work of other runs. What each of them was asked, how it ended and what it '
            'printed stands in the folder "subjects" of the folder that KOLONY_RUN_DIR names: for each a .json file '
            'with the facts and a .txt file with the output. Bring them together as the command says.'
        WHEN 'plan' THEN
            'This is a request for a plan, not for the work itself. Write the plan to the file plan.json in the folder '
            'that KOLONY_RUN_DIR names (write plan.json.tmp, then rename it): a JSON list of at most 200 items in the '
            'order in which they are to be done, each {"content": the command''s text, "agent": the name of the agent '
            'it is for (left out: you), "priority": 0 to 100 (left out: as this command), "after": [the numbers of '
            'earlier items, counted from 1, that must be completed first]}. A person reads it, and sends what they '
            'accept of it.'
    END
$$;

CREATE FUNCTION kolony.instructed(instructions text, kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(E'\n\n', nullif(instructions, ''), kolony.kind_words(kind))
$$;

-- All that the agent of a run is told, in the order in which it is: 'instructions', the 'command', and each 'subject'.
CREATE FUNCTION kolony.told(the_run uuid) RETURNS TABLE (part text, words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run kolony.runs;
    command kolony.commands;
BEGIN
    SELECT * INTO run FROM kolony.runs r WHERE r.run_id = the_run AND r.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such run here' USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    PERFORM kolony.require_role(run.workspace_id, 'viewer');
    SELECT * INTO STRICT command FROM kolony.commands c
    WHERE c.workspace_id = run.workspace_id AND c.command_id = run.command_id;
    RETURN QUERY
    SELECT 'instructions', kolony.instructed(a.instructions, command.kind) FROM kolony.agents a
    WHERE a.workspace_id = run.workspace_id AND a.agent_id = run.agent_id
      AND kolony.instructed(a.instructions, command.kind) <> ''
    UNION ALL SELECT 'command', command.content;
    RETURN QUERY
    SELECT 'subject', format('#%s of %s', kolony.run_reference(run.workspace_id, s.run_id), a.name)
    FROM unnest(command.subjects) WITH ORDINALITY AS s (run_id, place)
    JOIN kolony.runs r ON r.workspace_id = run.workspace_id AND r.run_id = s.run_id
    JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id ORDER BY s.place;
END
$$;

-- 12, or 12.3 where its command has several targets.
CREATE FUNCTION kolony.run_reference(home uuid, the_run uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = home AND r.run_id = the_run
$$;

-- What a runner may know of a run that the command of its attempt is about: the beginning of the text, so many
-- characters, and the end of the output, so many bytes. The output is that of the run's last attempt, standard output
-- and error as they came.
CREATE FUNCTION kolony.read_subject(the_attempt uuid, the_subject uuid, at_most integer DEFAULT 262144)
RETURNS TABLE (reference text, agent text, status text, exit_code integer, error text, content text,
    content_bytes bigint, output bytea, output_bytes bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    most CONSTANT integer := least(greatest(at_most, 1), 262144);
    last kolony.attempts;
    piece bytea;
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.runs r
                   JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
                   WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id
                     AND the_subject = ANY (c.subjects))
    THEN
        RAISE EXCEPTION 'this attempt is not about that run' USING ERRCODE = '42501';
    END IF;
    SELECT kolony.run_reference(held.workspace_id, o.run_id), o.agent, o.status, o.exit_code, o.error,
           "left"(c.content, most), octet_length(c.content)
    INTO STRICT reference, agent, status, exit_code, error, content, content_bytes
    FROM kolony.run_overview o
    JOIN kolony.commands c ON c.workspace_id = o.workspace_id AND c.command_id = o.command_id
    WHERE o.workspace_id = held.workspace_id AND o.run_id = the_subject;
    SELECT * INTO last FROM kolony.attempts t
    WHERE t.workspace_id = held.workspace_id AND t.run_id = the_subject ORDER BY t.number DESC LIMIT 1;
    SELECT coalesce(sum(length(u.data)), 0) INTO output_bytes FROM kolony.output_chunks u
    WHERE u.workspace_id = held.workspace_id AND u.run_id = the_subject AND u.attempt = last.number
      AND u.day = last.output_day AND u.stream <> 'log';
    output := '';
    FOR piece IN
        SELECT u.data FROM kolony.output_chunks u
        WHERE u.workspace_id = held.workspace_id AND u.run_id = the_subject AND u.attempt = last.number
          AND u.day = last.output_day AND u.stream <> 'log' ORDER BY u.seq DESC
    LOOP
        output := piece || output;
        EXIT WHEN length(output) >= most;
    END LOOP;
    output := substring(output FROM greatest(length(output) - most, 0) + 1);
    RETURN NEXT;
END
$$;

-- Says what is wrong with one item of a plan, and where. Answers with the id of the agent that it is for.
CREATE FUNCTION kolony.check_plan_item(home uuid, planner uuid, one jsonb, place integer) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    agent kolony.agents;
    stray text;
    wrong text;
BEGIN
    IF jsonb_typeof(one) <> 'object' THEN
        RAISE EXCEPTION 'item %: it is no JSON object', place USING ERRCODE = '22023';
    END IF;
    SELECT k INTO stray FROM jsonb_object_keys(one) k WHERE k NOT IN ('content', 'agent', 'priority', 'after') LIMIT 1;
    SELECT a.* INTO agent FROM kolony.agents a WHERE a.workspace_id = home
        AND CASE WHEN coalesce(one -> 'agent', 'null') = 'null' THEN a.agent_id = planner
                 ELSE a.name = one ->> 'agent' AND jsonb_typeof(one -> 'agent') = 'string' END;
    wrong := CASE
        WHEN stray IS NOT NULL THEN
            format('"%s" is no part of an item; content, agent, priority and after are', "left"(stray, 40))
        WHEN jsonb_typeof(one -> 'content') IS DISTINCT FROM 'string' OR one ->> 'content' !~ '\S' THEN
            'its content is no text'
        WHEN octet_length(one ->> 'content') > 4194304 THEN 'its content has more than 4 MiB'
        WHEN agent.agent_id IS NULL THEN format('there is no agent "%s"', "left"(one ->> 'agent', 100))
        WHEN agent.desired = 'retired' THEN format('the agent "%s" is retired', agent.name)
        WHEN coalesce(one -> 'priority', 'null') <> 'null' AND (jsonb_typeof(one -> 'priority') <> 'number'
            OR one ->> 'priority' !~ '^[0-9]{1,3}$' OR (one ->> 'priority')::integer > 100) THEN
            format('a priority is 0 to 100, not %s', "left"(one ->> 'priority', 40))
        WHEN jsonb_typeof(coalesce(one -> 'after', '[]')) <> 'array' THEN 'its "after" is no list' END;
    IF wrong IS NULL THEN
        SELECT CASE WHEN n ~ '^[0-9]+$' AND n::numeric >= place AND n::numeric <= 200 THEN
                        format('it comes after item %s, which stands no earlier', n)
                    ELSE format('"after" names %s; items are counted from 1', "left"(n, 40)) END
        INTO wrong FROM jsonb_array_elements_text(coalesce(one -> 'after', '[]')) n
        WHERE n IS NULL OR n !~ '^[0-9]{1,3}$' OR n::integer NOT BETWEEN 1 AND place - 1 LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'item %: %', place, wrong USING ERRCODE = '22023';
    END IF;
    RETURN agent.agent_id;
END
$$;

-- Makes a draft of each item of a plan, in the name of whoever sent the plan's command; nothing runs before a person
-- accepts it. Saying the same plan twice is fine. What an earlier attempt proposed and nobody accepted is discarded.
-- Answers with the number of drafts.
CREATE FUNCTION kolony.propose_plan(the_attempt uuid, items jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    plan kolony.commands;
    targets uuid[];
    made uuid[] := '{}';
    one jsonb;
    count_of_items integer;
    draft uuid;
BEGIN
    PERFORM FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT c.* INTO STRICT plan FROM kolony.commands c
    JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
    WHERE r.workspace_id = home AND r.run_id = held.run_id;
    IF plan.kind <> 'plan' THEN
        RAISE EXCEPTION 'nobody asked for a plan' USING ERRCODE = '55000';
    END IF;
    SELECT count(*) INTO count_of_items FROM kolony.plan_items i
    WHERE i.workspace_id = home AND i.attempt_id = the_attempt;
    IF count_of_items > 0 THEN
        RETURN count_of_items;
    END IF;
    IF items IS NULL OR jsonb_typeof(items) <> 'array' THEN
        RAISE EXCEPTION 'a plan is a list of items' USING ERRCODE = '22023';
    END IF;
    count_of_items := jsonb_array_length(items);
    IF count_of_items > 200 THEN
        RAISE EXCEPTION 'a plan has at most 200 items, this one has %', count_of_items USING ERRCODE = '22023';
    END IF;
    FOR place IN 1..count_of_items LOOP
        targets := targets || kolony.check_plan_item(home, held.agent_id, items -> place - 1, place);
    END LOOP;
    UPDATE kolony.commands c SET outcome = 'cancelled', finished_at = now()
    WHERE c.workspace_id = home AND c.submitted_at IS NULL AND c.outcome IS NULL AND c.command_id IN (
        SELECT i.command_id FROM kolony.plan_items i WHERE i.workspace_id = home AND i.run_id = held.run_id);
    FOR place IN 1..count_of_items LOOP
        one := items -> place - 1;
        INSERT INTO kolony.commands AS c (workspace_id, content, priority, targets, max_attempts, retry_on, parent_id,
            time_limit_ms, constraint_id, token_budget, memory_limit_mb, cpu_limit_percent, created_by)
        VALUES (home, one ->> 'content', coalesce((one ->> 'priority')::smallint, plan.priority), targets[place:place],
            plan.max_attempts, plan.retry_on, plan.command_id, plan.time_limit_ms, plan.constraint_id,
            plan.token_budget, plan.memory_limit_mb, plan.cpu_limit_percent, plan.created_by)
        RETURNING c.command_id INTO draft;
        made := made || draft;
        INSERT INTO kolony.plan_items (workspace_id, command_id, run_id, attempt_id, item)
        VALUES (home, draft, held.run_id, the_attempt, place);
        INSERT INTO kolony.command_dependencies (workspace_id, command_id, after_id)
        SELECT DISTINCT home, draft, made[n::integer]
        FROM jsonb_array_elements_text(coalesce(one -> 'after', '[]')) n;
    END LOOP;
    PERFORM kolony.hint(home, 'command:' || plan.command_id);
    RETURN count_of_items;
END
$$;

-- The drafts that are left of a run's plan, all of them or these items; refuses an item that is none.
CREATE FUNCTION kolony.plan_drafts(home uuid, the_run uuid, only_items integer[])
RETURNS TABLE (item integer, command_id uuid, number bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    odd text;
BEGIN
    SELECT CASE WHEN o.state IS NULL THEN format('there is no item %s in this plan', n)
                ELSE format('item %s is no draft any more: it is %s', n, o.state) END
    INTO odd FROM unnest(only_items) n
    LEFT JOIN kolony.plan_overview o ON o.workspace_id = home AND o.run_id = the_run AND o.item = n
    WHERE o.state IS DISTINCT FROM 'draft' ORDER BY n LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION '%', odd USING ERRCODE = '55000', HINT = 'see kolony command plan';
    END IF;
    RETURN QUERY SELECT o.item, o.command_id, o.number FROM kolony.plan_overview o
    WHERE o.workspace_id = home AND o.run_id = the_run AND o.state = 'draft'
      AND (only_items IS NULL OR o.item = ANY (only_items)) ORDER BY o.item;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no draft of a plan here' USING ERRCODE = '55000',
            HINT = CASE WHEN EXISTS (SELECT FROM kolony.plan_items i WHERE i.workspace_id = home AND i.run_id = the_run)
                        THEN 'all of it was accepted or discarded' ELSE 'a run of the kind plan leaves one' END;
    END IF;
END
$$;

-- Sends the drafts of a plan, all that are left or these items, all or none. waits_for: the numbers of drafts that one
-- of them comes after and that nobody has accepted.
CREATE FUNCTION kolony.accept_plan(the_run uuid, only_items integer[] DEFAULT NULL)
RETURNS TABLE (item integer, command_id uuid, number bigint, waits_for bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
    drafts uuid[];
    draft uuid;
BEGIN
    SELECT array_agg(d.command_id ORDER BY d.item) INTO drafts
    FROM kolony.plan_drafts(run.workspace_id, the_run, only_items) d;
    FOREACH draft IN ARRAY drafts LOOP
        PERFORM kolony.submit_command(draft);
    END LOOP;
    RETURN QUERY
    SELECT i.item, c.command_id, c.number, array(
        SELECT o.number FROM kolony.command_dependencies n
        JOIN kolony.commands o ON o.workspace_id = n.workspace_id AND o.command_id = n.after_id
        WHERE n.workspace_id = c.workspace_id AND n.command_id = c.command_id AND o.submitted_at IS NULL
        ORDER BY o.number)
    FROM kolony.plan_items i
    JOIN kolony.commands c ON c.workspace_id = i.workspace_id AND c.command_id = i.command_id
    WHERE i.workspace_id = run.workspace_id AND i.command_id = ANY (drafts) ORDER BY i.item;
END
$$;

-- Throws away the drafts of a plan, all that are left or these items.
CREATE FUNCTION kolony.discard_plan(the_run uuid, only_items integer[] DEFAULT NULL)
RETURNS TABLE (item integer, command_id uuid, number bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    run kolony.runs := kolony.run_for_step(the_run);
BEGIN
    FOR item, command_id, number IN SELECT * FROM kolony.plan_drafts(run.workspace_id, the_run, only_items) LOOP
        PERFORM kolony.cancel_command(command_id, 'discarded from a plan');
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION kolony.told(uuid) IS 'viewer: see what the agent of a run is told';
COMMENT ON FUNCTION kolony.accept_plan(uuid, integer[]) IS 'operator: send the drafts that a plan proposes';
COMMENT ON FUNCTION kolony.discard_plan(uuid, integer[]) IS 'operator: throw away the drafts that a plan proposes';
GRANT EXECUTE ON FUNCTION kolony.told(uuid), kolony.accept_plan(uuid, integer[]),
    kolony.discard_plan(uuid, integer[]) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.read_subject(uuid, uuid, integer), kolony.propose_plan(uuid, jsonb) TO kolony_agents;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER check_kind AFTER INSERT OR UPDATE OF kind, subjects ON kolony.commands
    FOR EACH ROW WHEN (NEW.kind <> 'natural' OR NEW.subjects <> '{}') EXECUTE FUNCTION kolony.check_kind_of_row();

RESET ROLE;
