-- What an agent asks to be allowed: the exact command, and the rules by which people answer before they are asked.
--
-- A rule is a person's answer given in advance: for one agent or all, for one kind of tool or all, for what begins
-- with certain words, until it runs out or is revoked. One that rejects goes before one that allows. Lock order: a rule
-- comes after the approval.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.approval_rules (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    rule_id      uuid NOT NULL DEFAULT kolony.new_id(),
    agent_id     uuid,
    tool         text CHECK (tool ~ '\S' AND length(tool) <= 200),
    prefix       text CHECK (prefix ~ '\S' AND octet_length(prefix) <= 1048576),
    decision     text NOT NULL CHECK (decision IN ('allow', 'reject')),
    until        timestamptz,
    note         text CHECK (length(note) <= 1000),
    hits         bigint NOT NULL DEFAULT 0,
    last_hit_at  timestamptz,
    created_by   uuid NOT NULL REFERENCES kolony.profiles,
    created_at   timestamptz NOT NULL DEFAULT now(),
    revoked_by   uuid REFERENCES kolony.profiles,
    revoked_at   timestamptz,
    PRIMARY KEY (workspace_id, rule_id),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    CONSTRAINT revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CONSTRAINT about_something CHECK (prefix IS NOT NULL OR tool IS NOT NULL)
);
COMMENT ON COLUMN kolony.approval_rules.agent_id IS 'null: every agent of the workspace';
COMMENT ON COLUMN kolony.approval_rules.prefix IS 'null: whatever the tool is to do';
CREATE INDEX approval_rules_by_agent ON kolony.approval_rules (workspace_id, agent_id);
CREATE INDEX approval_rules_by_creator ON kolony.approval_rules (created_by);
CREATE INDEX approval_rules_by_revoker ON kolony.approval_rules (revoked_by);
CREATE INDEX approval_rules_in_force ON kolony.approval_rules (workspace_id) WHERE revoked_at IS NULL;

-- Not forced while the owner, whose statement checks the foreign key, looks at what is there.
ALTER TABLE kolony.approvals NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.approvals
    ADD COLUMN tool text CHECK (length(tool) <= 200),
    ADD COLUMN command text CHECK (octet_length(command) <= 1048576),
    ADD COLUMN request jsonb,
    ADD COLUMN rule_id uuid,
    ADD CONSTRAINT answered_by_a_rule FOREIGN KEY (workspace_id, rule_id) REFERENCES kolony.approval_rules,
    DROP CONSTRAINT answered_by_somebody,
    ADD CONSTRAINT answered_by_somebody
        CHECK (num_nonnulls(answered_by, rule_id) = CASE WHEN answered_at IS NULL THEN 0 ELSE 1 END);
ALTER TABLE kolony.approvals FORCE ROW LEVEL SECURITY;

SELECT kolony.protect('kolony.approval_rules');
CREATE POLICY member ON kolony.approval_rules FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
COMMENT ON POLICY member ON kolony.approval_rules IS 'viewer: see by which rules agents are answered';
GRANT SELECT ON kolony.approval_rules TO kolony_user;
COMMENT ON COLUMN kolony.approvals.command IS 'exactly what would be done; null: the detail is all there is';
COMMENT ON COLUMN kolony.approvals.rule_id IS 'the rule that answered; nobody did then';
CREATE INDEX approvals_by_rule ON kolony.approvals (workspace_id, rule_id) WHERE rule_id IS NOT NULL;

-- What a rule has answered already is no news.
DROP TRIGGER note_asked ON kolony.approvals;
CREATE TRIGGER note_asked AFTER INSERT ON kolony.approvals
    FOR EACH ROW WHEN (NEW.answered_at IS NULL) EXECUTE FUNCTION kolony.note_approval();

CREATE OR REPLACE VIEW kolony.approval_overview WITH (security_invoker = true) AS
SELECT p.workspace_id, p.approval_id, p.run_id, p.attempt_id, p.agent_id, a.name AS agent, r.command_id,
       c.number AS command_number, r.ordinal, cardinality(c.targets) AS target_count, p.name, p.kind, p.title, p.detail,
       p.options, p.risk, p.created_at, p.expires_at, p.answer, p.allowed, p.note, w.login AS answered_by_login,
       p.answered_at, p.cancelled_at, p.cancelled_why, p.heard_at,
       CASE WHEN p.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN p.answered_at IS NULL THEN
                CASE WHEN p.expired_at IS NOT NULL OR p.expires_at <= now() THEN 'expired' ELSE 'open' END
            WHEN p.allowed IS NULL THEN 'answered'
            WHEN p.allowed THEN 'allowed'
            ELSE 'denied' END AS state,
       p.tool, p.command, p.rule_id, u.login AS rule_by_login
FROM kolony.approvals p
JOIN kolony.runs r ON r.workspace_id = p.workspace_id AND r.run_id = p.run_id
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN kolony.agents a ON a.workspace_id = p.workspace_id AND a.agent_id = p.agent_id
LEFT JOIN kolony.profiles w ON w.profile_id = p.answered_by
LEFT JOIN kolony.approval_rules l ON l.workspace_id = p.workspace_id AND l.rule_id = p.rule_id
LEFT JOIN kolony.profiles u ON u.profile_id = l.created_by;

CREATE VIEW kolony.approval_rule_overview WITH (security_invoker = true) AS
SELECT l.workspace_id, l.rule_id, l.agent_id, a.name AS agent, l.tool, l.prefix, l.decision, l.until, l.note, l.hits,
       l.last_hit_at, w.login AS created_by_login, l.created_at, v.login AS revoked_by_login, l.revoked_at,
       CASE WHEN l.revoked_at IS NOT NULL THEN 'revoked' WHEN l.until <= now() THEN 'over' ELSE 'in force' END AS state
FROM kolony.approval_rules l
LEFT JOIN kolony.agents a ON a.workspace_id = l.workspace_id AND a.agent_id = l.agent_id
LEFT JOIN kolony.profiles w ON w.profile_id = l.created_by
LEFT JOIN kolony.profiles v ON v.profile_id = l.revoked_by;
GRANT SELECT ON kolony.approval_rule_overview TO kolony_user;

SET LOCAL ROLE kolony_api;

-- The words of a command line in which a shell finds nothing but words: no operator, expansion, redirection, comment,
-- escape, second line or character that does not show. Null where there is anything else, or more than 8 KiB.
CREATE FUNCTION kolony.shell_words(command text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(regexp_replace(w[1], '''([^'']*)''|"([^"]*)"', '\1\2', 'g') ORDER BY place)
    FROM regexp_matches(command, '(([^ ''"]|''[^'']*''|"[^"]*")+)', 'g') WITH ORDINALITY found (w, place)
    WHERE octet_length(command) <= 8192
      AND command ~ '^([ A-Za-z0-9_./:=,@%+^*?~-]|''[ -&(-~]*''|"[] #%-[^_a-~]*")*$'
$$;

-- The same of what a rule says, in which nothing stands for something else; null: the rule is for that text alone.
CREATE FUNCTION kolony.rule_words(prefix text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN prefix !~ '[*?~''"]' THEN kolony.shell_words(prefix) END
$$;

-- Whether what a rule says fits a command. An allowing rule fits the whole text as it stands, or, where a shell would
-- find nothing but words in it, what begins with the rule's words. A rejecting one also fits what only looks like that.
CREATE FUNCTION kolony.rule_fits(prefix text, decision text, command text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted text[];
    found text[];
BEGIN
    IF prefix IS NULL THEN
        RETURN true;
    END IF;
    -- What could not be stored as it came is not what somebody has seen.
    IF command IS NULL OR decision = 'allow' AND strpos(command, U&'\FFFD') > 0 THEN
        RETURN false;
    END IF;
    IF prefix = command THEN
        RETURN true;
    END IF;
    wanted := kolony.rule_words(prefix);
    IF wanted IS NULL THEN
        RETURN false;
    END IF;
    found := kolony.shell_words(command);
    IF found[1:cardinality(wanted)] = wanted THEN
        RETURN true;
    END IF;
    RETURN decision = 'reject'
        AND starts_with(regexp_replace(ltrim("left"(command, 16384), E' \t\r\n'), '\s+', ' ', 'g'),
                        array_to_string(wanted, ' '))
        AND substr(regexp_replace(ltrim("left"(command, 16384), E' \t\r\n'), '\s+', ' ', 'g'),
                   length(array_to_string(wanted, ' ')) + 1, 1) !~ '[A-Za-z0-9_]';
END
$$;

-- The rule that answers, if one does.
CREATE FUNCTION kolony.rule_for(home uuid, of_agent uuid, tool text, command text) RETURNS kolony.approval_rules
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l FROM kolony.approval_rules l
    WHERE l.workspace_id = rule_for.home AND l.revoked_at IS NULL AND (l.until IS NULL OR l.until > clock_timestamp())
      AND (l.agent_id IS NULL OR l.agent_id = rule_for.of_agent) AND (l.tool IS NULL OR l.tool = rule_for.tool)
      AND kolony.rule_fits(l.prefix, l.decision, rule_for.command)
    ORDER BY l.decision = 'reject' DESC, l.agent_id IS NOT NULL DESC, l.tool IS NOT NULL DESC,
             length(l.prefix) DESC NULLS LAST, l.rule_id
    LIMIT 1
$$;

DROP FUNCTION kolony.ask(uuid, text, text, text, text, jsonb, text, integer);

-- A runner's question to people, once for each name of an attempt: asking it again answers with how the first one
-- stands, whatever it says this time. expires_seconds null: it waits for as long as the attempt goes on. command:
-- exactly what would be done; where a rule fits it, the rule has answered at once. request: what else is known of it.
CREATE FUNCTION kolony.ask(the_attempt uuid, name text, kind text, title text, detail text DEFAULT '',
    options jsonb DEFAULT NULL, risk text DEFAULT 'medium', expires_seconds integer DEFAULT NULL,
    tool text DEFAULT NULL, command text DEFAULT NULL, request jsonb DEFAULT NULL)
RETURNS TABLE (approval_id uuid, state text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    run kolony.runs;
    rule kolony.approval_rules;
    asked kolony.approvals;
BEGIN
    PERFORM kolony.check_ask(name, kind, title, coalesce(detail, ''), risk, expires_seconds);
    IF octet_length(command) > 1048576 THEN
        RAISE EXCEPTION 'a command of more than 1 MiB cannot be shown to anybody' USING ERRCODE = '22023';
    END IF;
    -- Held, so that whoever cancels the run sees this question, or is seen here.
    SELECT r.* INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT p.* INTO asked FROM kolony.approvals p
    WHERE p.workspace_id = held.workspace_id AND p.attempt_id = the_attempt AND p.name = name;
    IF NOT FOUND THEN
        IF (SELECT count(*) FROM kolony.approvals p
            WHERE p.workspace_id = held.workspace_id AND p.attempt_id = the_attempt) >= 1000
        THEN
            RAISE EXCEPTION 'an attempt asks at most 1000 times' USING ERRCODE = '54000';
        END IF;
        IF run.cancel_at IS NULL AND kind = 'permission' AND num_nonnulls(tool, command) > 0 THEN
            rule := kolony.rule_for(held.workspace_id, held.agent_id, tool, command);
        END IF;
        IF rule.rule_id IS NOT NULL THEN
            -- One that was revoked meanwhile answers nothing.
            UPDATE kolony.approval_rules l SET hits = l.hits + 1, last_hit_at = clock_timestamp()
            WHERE l.workspace_id = rule.workspace_id AND l.rule_id = rule.rule_id AND l.revoked_at IS NULL
            RETURNING l.* INTO rule;
        END IF;
        INSERT INTO kolony.approvals AS p (workspace_id, run_id, attempt_id, agent_id, name, kind, title, detail,
            options, risk, created_at, expires_at, cancelled_at, cancelled_why, tool, command, request, rule_id,
            answered_at, allowed)
        VALUES (held.workspace_id, held.run_id, the_attempt, held.agent_id, name, kind, title, coalesce(detail, ''),
            kolony.checked_options(options), risk, clock_timestamp(),
            clock_timestamp() + make_interval(secs => expires_seconds),
            CASE WHEN run.cancel_at IS NOT NULL THEN clock_timestamp() END,
            CASE WHEN run.cancel_at IS NOT NULL THEN 'its run is being cancelled' END,
            "left"(tool, 200), command, request, rule.rule_id,
            CASE WHEN rule.rule_id IS NOT NULL THEN clock_timestamp() END, rule.decision = 'allow')
        RETURNING p.* INTO asked;
        IF rule.rule_id IS NULL THEN
            PERFORM kolony.hint(held.workspace_id, 'inbox:' || asked.approval_id);
        ELSE
            PERFORM kolony.record_audit(held.workspace_id, 'APPROVAL_RULED', "left"(title, 200), jsonb_build_object(
                'became', kolony.approval_state(asked), 'rule_id', rule.rule_id, 'tool', "left"(tool, 200),
                'command', "left"(command, 200)), held.agent_id, NULL, held.run_id);
            PERFORM kolony.hint(held.workspace_id, 'approval_rule:' || rule.rule_id);
        END IF;
    END IF;
    RETURN QUERY SELECT asked.approval_id, kolony.approval_state(asked);
END
$$;

-- Its agent waits for a question no more. One that has its end keeps it.
CREATE FUNCTION kolony.withdraw_question(the_approval uuid, why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    withdrawn uuid;
BEGIN
    UPDATE kolony.approvals p SET heard_at = clock_timestamp(),
        expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
        cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
        cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE "left"(why, 1000) END
    WHERE p.workspace_id = token.workspace_id AND p.approval_id = the_approval AND p.agent_id = token.agent_id
      AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
    RETURNING p.approval_id INTO withdrawn;
    IF withdrawn IS NOT NULL THEN
        PERFORM kolony.hint(token.workspace_id, 'inbox:' || withdrawn);
    END IF;
END
$$;

-- As before, and says of a rule's answer whose rule it was.
CREATE OR REPLACE FUNCTION kolony.hear_answer(the_approval uuid)
RETURNS TABLE (name text, state text, answer text, note text, answered_by text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    asked kolony.approvals;
BEGIN
    -- Waits for an answer that is just being given, and whoever answers after this waits for it.
    SELECT * INTO asked FROM kolony.approvals p
    WHERE p.workspace_id = token.workspace_id AND p.approval_id = the_approval AND p.agent_id = token.agent_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such question of yours' USING ERRCODE = 'P0002';
    END IF;
    IF kolony.approval_state(asked) <> 'open' AND asked.heard_at IS NULL THEN
        UPDATE kolony.approvals p SET heard_at = clock_timestamp(),
            expired_at = CASE WHEN kolony.approval_state(asked) = 'expired'
                              THEN coalesce(p.expired_at, clock_timestamp()) END
        WHERE p.workspace_id = token.workspace_id AND p.approval_id = the_approval RETURNING p.* INTO asked;
        IF asked.expired_at IS NOT NULL THEN
            PERFORM kolony.hint(token.workspace_id, 'inbox:' || the_approval);
        END IF;
    END IF;
    RETURN QUERY SELECT asked.name, kolony.approval_state(asked), asked.answer, asked.note, coalesce(
        (SELECT w.login::text FROM kolony.profiles w WHERE w.profile_id = asked.answered_by),
        (SELECT 'rule of ' || w.login FROM kolony.approval_rules l
         JOIN kolony.profiles w ON w.profile_id = l.created_by
         WHERE l.workspace_id = asked.workspace_id AND l.rule_id = asked.rule_id));
END
$$;

-- Why an approval takes no answer any more.
CREATE OR REPLACE FUNCTION kolony.refuse_answer(the_approval uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.approvals;
    who text;
BEGIN
    SELECT * INTO STRICT asked FROM kolony.approvals p
    WHERE p.approval_id = the_approval AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF asked.answered_at IS NOT NULL THEN
        SELECT CASE WHEN asked.rule_id IS NULL THEN '' ELSE 'a rule of ' END || w.login INTO STRICT who
        FROM kolony.profiles w
        WHERE w.profile_id = coalesce(asked.answered_by, (SELECT l.created_by FROM kolony.approval_rules l
            WHERE l.workspace_id = asked.workspace_id AND l.rule_id = asked.rule_id));
        RAISE EXCEPTION 'answered already by %, at % (%)', who,
            to_char(asked.answered_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), kolony.approval_state(asked)
            USING ERRCODE = '55000';
    END IF;
    IF asked.cancelled_at IS NOT NULL THEN
        RAISE EXCEPTION 'nobody waits for this answer any more: %', asked.cancelled_why USING ERRCODE = '55000';
    END IF;
    RAISE EXCEPTION 'it ran out at %', to_char(asked.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
        USING ERRCODE = '55000', HINT = 'its agent was told that nobody answered in time';
END
$$;

CREATE FUNCTION kolony.check_approval_rule(of_agent uuid, tool text, prefix text, decision text, until timestamptz,
    note text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN decision IS NULL OR decision NOT IN ('allow', 'reject') THEN 'a rule allows or rejects'
        WHEN prefix IS NOT NULL AND prefix !~ '\S' THEN 'a rule needs words that commands begin with'
        WHEN prefix IS NULL AND tool IS NULL THEN 'a rule is about a tool, or about what commands begin with'
        WHEN tool IS NOT NULL AND (tool !~ '\S' OR length(tool) > 200) THEN 'a tool has 1 to 200 characters'
        WHEN octet_length(prefix) > 1048576 THEN 'a command has at most 1 MiB'
        WHEN until <= clock_timestamp() THEN 'a rule ends in the future'
        WHEN length(note) > 1000 THEN 'a note has at most 1000 characters' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
    IF decision = 'allow' AND prefix IS NULL
       AND (of_agent IS NULL OR tool NOT IN ('read', 'edit', 'move', 'search', 'fetch', 'think'))
    THEN
        RAISE EXCEPTION 'nothing is allowed to do whatever it likes' USING ERRCODE = '22023',
            HINT = 'say what commands begin with; read, edit, move, search, fetch and think go without, for one agent';
    END IF;
END
$$;

-- Not granted to anybody: for those that have checked the rights.
CREATE FUNCTION kolony.keep_approval_rule(home uuid, of_agent uuid, tool text, prefix text, decision text,
    until timestamptz, note text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.check_approval_rule(of_agent, tool, prefix, decision, until, note);
    INSERT INTO kolony.approval_rules (workspace_id, agent_id, tool, prefix, decision, until, note, created_by)
    VALUES (home, of_agent, tool, prefix, decision, until, nullif(note, ''), kolony.my_profile_id())
    RETURNING rule_id INTO made;
    PERFORM kolony.record_audit(home, 'APPROVAL_RULE_CREATED', decision || ' ' || coalesce("left"(prefix, 150), tool),
        jsonb_build_object('rule_id', made, 'decision', decision, 'tool', tool, 'prefix', "left"(prefix, 200),
            'until', until, 'note', "left"(note, 200)), of_agent);
    PERFORM kolony.hint(home, 'approval_rule:' || made);
    RETURN made;
END
$$;

-- of_agent null: for every agent. tool null: for every tool. prefix: words, and what comes behind them may be anything
-- that is no shell operator; a text in which a shell finds more than words is for exactly that command.
CREATE FUNCTION kolony.add_rule(in_workspace uuid, of_agent uuid, tool text, prefix text, decision text,
    until timestamptz DEFAULT NULL, note text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    IF of_agent IS NOT NULL AND kolony.workspace_of_agent(of_agent) <> in_workspace THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    RETURN kolony.keep_approval_rule(in_workspace, of_agent, tool, prefix, decision, until, note);
END
$$;

-- Once more does no harm.
CREATE FUNCTION kolony.revoke_rule(the_rule uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule kolony.approval_rules;
BEGIN
    SELECT * INTO rule FROM kolony.approval_rules l
    WHERE l.rule_id = the_rule AND l.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such rule here' USING ERRCODE = 'P0002', HINT = 'see kolony rule list';
    END IF;
    PERFORM kolony.require_role(rule.workspace_id, 'operator');
    UPDATE kolony.approval_rules l SET revoked_at = clock_timestamp(), revoked_by = kolony.my_profile_id()
    WHERE l.workspace_id = rule.workspace_id AND l.rule_id = the_rule AND l.revoked_at IS NULL;
    IF FOUND THEN
        PERFORM kolony.record_audit(rule.workspace_id, 'APPROVAL_RULE_REVOKED',
            rule.decision || ' ' || coalesce("left"(rule.prefix, 150), rule.tool),
            jsonb_build_object('rule_id', the_rule, 'hits', rule.hits), rule.agent_id);
        PERFORM kolony.hint(rule.workspace_id, 'approval_rule:' || the_rule);
    END IF;
END
$$;

-- Answers a permission, and makes a rule that answers its like from now on. prefix null: for exactly this command.
CREATE FUNCTION kolony.answer_always(the_approval uuid, allow boolean, prefix text DEFAULT NULL,
    until timestamptz DEFAULT NULL, any_agent boolean DEFAULT false, note text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.approvals := kolony.approval_for_step(the_approval);
    wanted CONSTANT text := CASE WHEN allow THEN 'allow' ELSE 'reject' END;
BEGIN
    IF asked.kind <> 'permission' OR asked.command IS NULL THEN
        RAISE EXCEPTION 'a rule answers what asks for a permission by its command' USING ERRCODE = '22023',
            HINT = 'answer this one alone';
    END IF;
    PERFORM kolony.answer_approval(the_approval, allow, NULL, note);
    IF NOT kolony.rule_fits(coalesce(prefix, asked.command), wanted, asked.command) THEN
        RAISE EXCEPTION 'a rule for this would not have answered what is asked here' USING ERRCODE = '22023',
            HINT = 'a rule fits what begins with its words and holds no shell operators; leave the words out for one '
                || 'that fits exactly this command';
    END IF;
    RETURN kolony.keep_approval_rule(asked.workspace_id, CASE WHEN any_agent THEN NULL ELSE asked.agent_id END,
        asked.tool, coalesce(prefix, asked.command), wanted, until, note);
END
$$;

DROP FUNCTION kolony.inbox(uuid, boolean, integer);
DROP FUNCTION kolony.inbox_questions(uuid);

-- Questions that are open. ``exact``: the detail is what would be done, word for word.
CREATE FUNCTION kolony.inbox_questions(home uuid)
RETURNS TABLE (item_id uuid, kind text, agent_id uuid, run_id uuid, command_id uuid, title text, detail text,
    options jsonb, risk text, since timestamptz, expires_at timestamptz, blocks bigint, blocked_agents bigint,
    tool text, exact boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p.approval_id, p.kind, p.agent_id, p.run_id, r.command_id, p.title,
           coalesce(p.command, p.detail), p.options, p.risk, p.created_at, p.expires_at, 1 + k.runs, 1 + k.others,
           p.tool, p.command IS NOT NULL
    FROM kolony.approvals p
    JOIN kolony.runs r ON r.workspace_id = p.workspace_id AND r.run_id = p.run_id
    CROSS JOIN LATERAL (
        -- Those behind it in its agent's queue, and those that come after its command.
        SELECT count(*) AS runs, count(DISTINCT b.agent_id) FILTER (WHERE b.agent_id <> p.agent_id) AS others
        FROM (SELECT q.run_id, q.agent_id FROM kolony.ready_runs q
              WHERE q.workspace_id = p.workspace_id AND q.agent_id = p.agent_id
              UNION
              SELECT f.run_id, f.agent_id FROM kolony.command_dependencies d
              JOIN kolony.blocked_runs f ON f.workspace_id = d.workspace_id AND f.command_id = d.command_id AND f.after
              WHERE d.workspace_id = p.workspace_id AND d.after_id = r.command_id LIMIT 1000) b) k
    WHERE p.workspace_id = home AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
      AND (p.expires_at IS NULL OR p.expires_at > now());
END
$$;

-- What waits for me, in the order in which it should be seen to: what is urgent (a stop that is not confirmed, or what
-- expires within 15 minutes), what blocks others, what is of high risk, and the rest; in each by how much of it, then
-- by age. ``why`` says for each row what put it there. The first 1000; without ``hidden`` what I put off or am done
-- with is left out.
CREATE FUNCTION kolony.inbox(in_workspace uuid, hidden boolean DEFAULT false, longest integer DEFAULT 65536)
RETURNS TABLE (item_id uuid, kind text, tier text, why text, agent_id uuid, agent text, run_id uuid,
    command_number bigint, ordinal integer, target_count integer, title text, detail text, options jsonb, risk text,
    since timestamptz, expires_at timestamptz, blocks bigint, blocked_agents bigint, likeness text,
    snoozed_until timestamptz, done_at timestamptz, tool text, exact boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    me CONSTANT uuid := kolony.my_profile_id();
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN QUERY
    WITH found AS (
        SELECT * FROM kolony.inbox_questions(in_workspace)
        UNION ALL SELECT f.*, NULL, false FROM kolony.inbox_failures(in_workspace, me) f
        UNION ALL SELECT o.*, NULL, false FROM kolony.inbox_agents(in_workspace) o),
    placed AS (
        SELECT f.*, m.snoozed_until, m.done_at,
               CASE WHEN f.kind = 'stop' OR f.expires_at < now() + interval '15 minutes' THEN 1
                    WHEN f.blocks > 1 THEN 2
                    WHEN f.risk = 'high' THEN 3 ELSE 4 END AS place
        FROM found f
        LEFT JOIN kolony.inbox_marks m
            ON m.workspace_id = in_workspace AND m.profile_id = me AND m.item_id = f.item_id
        WHERE hidden OR m.item_id IS NULL OR m.done_at IS NULL AND coalesce(m.snoozed_until, '-infinity') <= now()),
    ranked AS MATERIALIZED (
        SELECT p.*, row_number() OVER (
                   ORDER BY p.place, CASE WHEN p.place = 1 THEN coalesce(p.expires_at, '-infinity') END, p.blocks DESC,
                            array_position(ARRAY['high', 'medium', 'low'], p.risk), p.since, p.item_id) AS rank
        FROM placed p ORDER BY rank LIMIT 1000)
    SELECT p.item_id, p.kind, (ARRAY['urgent', 'blocks others', 'high risk', 'by age'])[p.place],
           concat_ws('; ',
               CASE WHEN p.expires_at IS NOT NULL THEN 'expires in ' || kolony.in_words(p.expires_at - now()) END,
               CASE WHEN p.kind = 'stop' THEN 'not confirmed for ' || kolony.in_words(now() - p.since) END,
               CASE WHEN p.blocks > 0 THEN 'blocks ' || kolony.counted(p.blocks, 'run')
                   || coalesce(' on ' || CASE WHEN p.blocked_agents > 1
                                              THEN kolony.counted(p.blocked_agents, 'agent') END, '') END,
               CASE WHEN p.risk <> 'low' AND p.kind IN ('permission', 'question') THEN p.risk || ' risk' END,
               CASE WHEN p.kind <> 'stop' THEN 'for ' || kolony.in_words(now() - p.since) END),
           p.agent_id, a.name, p.run_id, c.number, r.ordinal, cardinality(c.targets), p.title,
           -- In full, but for what comes behind 16 MiB of others.
           "left"(p.detail, CASE WHEN sum(length(p.detail)) OVER (ORDER BY p.rank) <= 16777216 THEN longest
                                 ELSE least(longest, 65536) END),
           p.options, p.risk, p.since, p.expires_at, p.blocks, p.blocked_agents,
           CASE WHEN p.kind IN ('gone', 'stop') THEN md5(p.kind) ELSE kolony.likeness(p.kind, p.title, p.detail) END,
           p.snoozed_until, p.done_at, p.tool, p.exact
    FROM ranked p
    JOIN kolony.agents a ON a.workspace_id = in_workspace AND a.agent_id = p.agent_id
    LEFT JOIN kolony.runs r ON r.workspace_id = in_workspace AND r.run_id = p.run_id
    LEFT JOIN kolony.commands c ON c.workspace_id = in_workspace AND c.command_id = r.command_id
    ORDER BY p.rank;
END
$$;

-- What of a workspace's settings its runners need to know.
CREATE FUNCTION kolony.settings_brief(home uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('mask_secrets', w.masks_secrets) FROM kolony.workspaces w
            WHERE w.workspace_id = home);
END
$$;

COMMENT ON FUNCTION kolony.inbox(uuid, boolean, integer) IS 'viewer: see what waits for you, what is urgent first';
COMMENT ON FUNCTION kolony.add_rule(uuid, uuid, text, text, text, timestamptz, text) IS
    'operator: make a rule that answers agents';
COMMENT ON FUNCTION kolony.revoke_rule(uuid) IS 'operator: revoke a rule that answers agents';
COMMENT ON FUNCTION kolony.answer_always(uuid, boolean, text, timestamptz, boolean, text) IS
    'operator: answer what an agent asks, and its like by a rule from now on';
GRANT EXECUTE ON FUNCTION kolony.inbox(uuid, boolean, integer),
    kolony.add_rule(uuid, uuid, text, text, text, timestamptz, text), kolony.revoke_rule(uuid),
    kolony.answer_always(uuid, boolean, text, timestamptz, boolean, text) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.ask(uuid, text, text, text, text, jsonb, text, integer, text, text, jsonb),
    kolony.withdraw_question(uuid, text) TO kolony_agents;

RESET ROLE;
