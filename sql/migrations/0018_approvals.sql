-- Approvals: what an agent asks of people and waits on, the one answer that each gets, and how its runner hears of it.
--
-- Of the ends of an approval (answered, expired, cancelled) each has a column of its own; nothing but a person's answer
-- makes it allowed or denied. Lock order: an approval comes after the attempt and before the command.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.approvals (
    workspace_id  uuid NOT NULL,
    approval_id   uuid NOT NULL DEFAULT kolony.new_id(),
    run_id        uuid NOT NULL,
    attempt_id    uuid NOT NULL,
    agent_id      uuid NOT NULL,
    name          text NOT NULL CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$'),
    kind          text NOT NULL CHECK (kind IN ('permission', 'question')),
    title         text NOT NULL CHECK (title ~ '\S' AND length(title) <= 500),
    detail        text NOT NULL DEFAULT '' CHECK (octet_length(detail) <= 65536),
    options       jsonb NOT NULL DEFAULT '[]'
                  CHECK (jsonb_typeof(options) = 'array' AND octet_length(options::text) <= 32768),
    risk          text NOT NULL DEFAULT 'medium' CHECK (risk IN ('low', 'medium', 'high')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    answer        text CHECK (octet_length(answer) <= 65536),
    allowed       boolean,
    note          text CHECK (length(note) <= 1000),
    answered_by   uuid REFERENCES kolony.profiles,
    answered_at   timestamptz,
    cancelled_at  timestamptz,
    cancelled_why text CHECK (length(cancelled_why) <= 1000),
    expired_at    timestamptz,
    heard_at      timestamptz,
    PRIMARY KEY (workspace_id, approval_id),
    CONSTRAINT asked_once UNIQUE (workspace_id, attempt_id, name),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    CONSTRAINT one_end CHECK (num_nonnulls(answered_at, cancelled_at, expired_at) <= 1),
    CONSTRAINT answered_by_somebody CHECK ((answered_at IS NULL) = (answered_by IS NULL)),
    CONSTRAINT decided_by_an_answer CHECK (answered_at IS NOT NULL
        OR allowed IS NULL AND answer IS NULL AND note IS NULL)
);
COMMENT ON COLUMN kolony.approvals.expired_at IS 'when it was noted that nobody had answered in time';
COMMENT ON COLUMN kolony.approvals.heard_at IS 'when its runner took the end of it';
CREATE INDEX approvals_by_run ON kolony.approvals (workspace_id, run_id);
CREATE INDEX approvals_by_agent ON kolony.approvals (workspace_id, agent_id);
CREATE INDEX approvals_by_answerer ON kolony.approvals (answered_by) WHERE answered_by IS NOT NULL;
CREATE INDEX approvals_open ON kolony.approvals (workspace_id, agent_id, run_id, attempt_id)
    WHERE answered_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL;
CREATE INDEX approvals_unheard ON kolony.approvals (workspace_id, attempt_id) WHERE heard_at IS NULL;

SELECT kolony.protect('kolony.approvals');
CREATE POLICY member ON kolony.approvals FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.approvals TO kolony_user;

CREATE VIEW kolony.approval_overview WITH (security_invoker = true) AS
SELECT p.workspace_id, p.approval_id, p.run_id, p.attempt_id, p.agent_id, a.name AS agent, r.command_id,
       c.number AS command_number, r.ordinal, cardinality(c.targets) AS target_count, p.name, p.kind, p.title, p.detail,
       p.options, p.risk, p.created_at, p.expires_at, p.answer, p.allowed, p.note, w.login AS answered_by_login,
       p.answered_at, p.cancelled_at, p.cancelled_why, p.heard_at,
       CASE WHEN p.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN p.answered_at IS NULL THEN
                CASE WHEN p.expired_at IS NOT NULL OR p.expires_at <= now() THEN 'expired' ELSE 'open' END
            WHEN p.allowed IS NULL THEN 'answered'
            WHEN p.allowed THEN 'allowed'
            ELSE 'denied' END AS state
FROM kolony.approvals p
JOIN kolony.runs r ON r.workspace_id = p.workspace_id AND r.run_id = p.run_id
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN kolony.agents a ON a.workspace_id = p.workspace_id AND a.agent_id = p.agent_id
LEFT JOIN kolony.profiles w ON w.profile_id = p.answered_by;
GRANT SELECT ON kolony.approval_overview TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

-- The state of one approval by the clock of this moment, not of the transaction's start.
CREATE FUNCTION kolony.approval_state(of_approval kolony.approvals) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN of_approval.cancelled_at IS NOT NULL THEN 'cancelled'
                WHEN of_approval.answered_at IS NULL THEN
                    CASE WHEN of_approval.expired_at IS NOT NULL OR of_approval.expires_at <= clock_timestamp()
                         THEN 'expired' ELSE 'open' END
                WHEN of_approval.allowed IS NULL THEN 'answered'
                WHEN of_approval.allowed THEN 'allowed'
                ELSE 'denied' END
$$;

-- The options of a question as they are kept: {"id", "label"} each, the id for the label where there is none.
CREATE FUNCTION kolony.checked_options(given jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one jsonb;
    kept jsonb := '[]';
BEGIN
    IF given IS NULL OR given = 'null' THEN
        RETURN kept;
    END IF;
    IF jsonb_typeof(given) <> 'array' OR jsonb_array_length(given) > 20 THEN
        RAISE EXCEPTION 'options are a list of at most 20' USING ERRCODE = '22023';
    END IF;
    FOR one IN SELECT * FROM jsonb_array_elements(given) LOOP
        IF jsonb_typeof(one) <> 'object' OR jsonb_typeof(one -> 'id') IS DISTINCT FROM 'string'
           OR length(one ->> 'id') NOT BETWEEN 1 AND 100 OR one ->> 'id' !~ '\S'
           OR jsonb_typeof(coalesce(one -> 'label', '""')) <> 'string' OR length(one ->> 'label') > 500
        THEN
            RAISE EXCEPTION 'an option is {"id": 1 to 100 characters, "label": at most 500 characters}'
                USING ERRCODE = '22023';
        END IF;
        IF kept @> jsonb_build_array(jsonb_build_object('id', one -> 'id')) THEN
            RAISE EXCEPTION 'two options have the id "%"', one ->> 'id' USING ERRCODE = '22023';
        END IF;
        kept := kept || jsonb_build_array(jsonb_build_object('id', one -> 'id',
            'label', coalesce(nullif(one ->> 'label', ''), one ->> 'id')));
    END LOOP;
    RETURN kept;
END
$$;

-- Says what is wrong with what a program asks, in words that it is told.
CREATE FUNCTION kolony.check_ask(name text, kind text, title text, detail text, risk text, expires_seconds integer)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN name IS NULL OR name !~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$' THEN
            'a name is 1 to 100 of the characters A-Z, a-z, 0-9, ".", "_" and "-", and begins with none of "." and "-"'
        WHEN kind IS NULL OR kind NOT IN ('permission', 'question') THEN 'a kind is "permission" or "question"'
        WHEN title IS NULL OR title !~ '\S' THEN 'a title is needed'
        WHEN length(title) > 500 THEN format('a title has at most 500 characters, this one has %s', length(title))
        WHEN octet_length(detail) > 65536 THEN
            format('a detail has at most 64 KiB, this one has %s bytes', octet_length(detail))
        WHEN risk IS NULL OR risk NOT IN ('low', 'medium', 'high') THEN 'a risk is "low", "medium" or "high"'
        WHEN expires_seconds NOT BETWEEN 1 AND 31536000 THEN 'it expires in 1 second to 365 days' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
END
$$;

-- A runner's question to people, once for each name of an attempt: asking it again answers with how the first one
-- stands, whatever it says this time. expires_seconds null: it waits for as long as the attempt goes on.
CREATE FUNCTION kolony.ask(the_attempt uuid, name text, kind text, title text, detail text DEFAULT '',
    options jsonb DEFAULT NULL, risk text DEFAULT 'medium', expires_seconds integer DEFAULT NULL)
RETURNS TABLE (approval_id uuid, state text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    run kolony.runs;
    asked kolony.approvals;
BEGIN
    PERFORM kolony.check_ask(name, kind, title, coalesce(detail, ''), risk, expires_seconds);
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
        INSERT INTO kolony.approvals AS p (workspace_id, run_id, attempt_id, agent_id, name, kind, title, detail,
            options, risk, created_at, expires_at, cancelled_at, cancelled_why)
        VALUES (held.workspace_id, held.run_id, the_attempt, held.agent_id, name, kind, title, coalesce(detail, ''),
            kolony.checked_options(options), risk, clock_timestamp(),
            clock_timestamp() + make_interval(secs => expires_seconds),
            CASE WHEN run.cancel_at IS NOT NULL THEN clock_timestamp() END,
            CASE WHEN run.cancel_at IS NOT NULL THEN 'its run is being cancelled' END)
        RETURNING p.* INTO asked;
        PERFORM kolony.hint(held.workspace_id, 'inbox:' || asked.approval_id);
    END IF;
    RETURN QUERY SELECT asked.approval_id, kolony.approval_state(asked);
END
$$;

-- The one answer: allow (null: neither, for a question that is answered in words or by an option), the chosen option's
-- id or the text, and a note. Answers with the approval's state.
CREATE FUNCTION kolony.answer_approval(the_approval uuid, allow boolean, answer text DEFAULT NULL,
    note text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.approvals := kolony.approval_for_step(the_approval);
BEGIN
    PERFORM kolony.check_answer(asked, allow, nullif(answer, ''), note);
    -- A runner that is gone hears no answer, and its question ends with its attempt.
    PERFORM kolony.settle_lost(asked.workspace_id, asked.agent_id);
    RETURN kolony.record_answer(asked, allow, answer, note);
END
$$;

-- Writes the answer, if it is still waited for. The caller has checked the rights; who answers several, does it in the
-- order of their ids.
CREATE FUNCTION kolony.record_answer(asked kolony.approvals, allow boolean, answer text, note text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    answered kolony.approvals;
BEGIN
    UPDATE kolony.approvals p SET answer = nullif(answer, ''), note = nullif(note, ''),
        answered_by = kolony.my_profile_id(), answered_at = clock_timestamp(),
        allowed = CASE WHEN p.kind = 'permission' OR NOT allow THEN allow END
    WHERE p.workspace_id = asked.workspace_id AND p.approval_id = asked.approval_id AND p.answered_at IS NULL
      AND p.cancelled_at IS NULL AND p.expired_at IS NULL
      AND (p.expires_at IS NULL OR p.expires_at > clock_timestamp())
    RETURNING p.* INTO answered;
    IF NOT FOUND THEN
        PERFORM kolony.refuse_answer(asked.approval_id);
    END IF;
    PERFORM kolony.record_audit(asked.workspace_id, 'APPROVAL_ANSWERED', "left"(asked.title, 200), jsonb_build_object(
        'kind', asked.kind, 'became', kolony.approval_state(answered), 'answer', "left"(answered.answer, 200),
        'note', "left"(answered.note, 200)), asked.agent_id, NULL, asked.run_id);
    -- To the runner, whose heartbeat brings the answer, and to the inboxes.
    PERFORM kolony.hint(asked.workspace_id, 'agent:' || asked.agent_id);
    PERFORM kolony.hint(asked.workspace_id, 'inbox:' || asked.approval_id);
    RETURN kolony.approval_state(answered);
END
$$;

-- An approval of my workspaces, for an answer.
CREATE FUNCTION kolony.approval_for_step(the_approval uuid) RETURNS kolony.approvals
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.approvals;
BEGIN
    SELECT * INTO asked FROM kolony.approvals p
    WHERE p.approval_id = the_approval AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such question here' USING ERRCODE = 'P0002', HINT = 'see kolony inbox';
    END IF;
    PERFORM kolony.require_role(asked.workspace_id, 'operator');
    RETURN asked;
END
$$;

CREATE FUNCTION kolony.check_answer(asked kolony.approvals, allow boolean, answer text, note text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF asked.kind = 'permission' AND allow IS NULL THEN
        RAISE EXCEPTION 'this asks for a permission' USING ERRCODE = '22023', HINT = 'allow it or deny it';
    END IF;
    IF asked.kind = 'question' AND allow IS NOT FALSE AND answer IS NULL THEN
        RAISE EXCEPTION 'this question needs an answer'
            USING ERRCODE = '22023', HINT = 'give one, or deny it';
    END IF;
    IF answer IS NOT NULL AND asked.options <> '[]'
       AND NOT asked.options @> jsonb_build_array(jsonb_build_object('id', answer))
    THEN
        RAISE EXCEPTION '"%" is none of the options', "left"(answer, 100) USING ERRCODE = '22023',
            HINT = 'choose one of ' || (SELECT string_agg(o ->> 'id', ', ') FROM jsonb_array_elements(asked.options) o);
    END IF;
    IF octet_length(answer) > 65536 THEN
        RAISE EXCEPTION 'an answer has at most 64 KiB' USING ERRCODE = '22023';
    END IF;
    IF length(note) > 1000 THEN
        RAISE EXCEPTION 'a note has at most 1000 characters' USING ERRCODE = '22023';
    END IF;
END
$$;

-- Why an approval takes no answer any more.
CREATE FUNCTION kolony.refuse_answer(the_approval uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.approvals;
    who text;
BEGIN
    SELECT * INTO STRICT asked FROM kolony.approvals p
    WHERE p.approval_id = the_approval AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF asked.answered_at IS NOT NULL THEN
        SELECT p.login INTO STRICT who FROM kolony.profiles p WHERE p.profile_id = asked.answered_by;
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

-- For the heartbeat: what of a session's questions has ended since its runner last heard.
CREATE FUNCTION kolony.answered_for(home uuid, session uuid)
RETURNS TABLE (run_id uuid, attempt_id uuid, approval_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.run_id, p.attempt_id, p.approval_id
    FROM kolony.leases l
    JOIN kolony.approvals p ON p.workspace_id = l.workspace_id AND p.attempt_id = l.attempt_id
    WHERE l.workspace_id = home AND l.session_id = session AND p.heard_at IS NULL
      AND (p.answered_at IS NOT NULL OR p.cancelled_at IS NOT NULL OR p.expired_at IS NOT NULL
           OR p.expires_at <= clock_timestamp())
$$;

-- Gives a runner the end of one of its questions and keeps that it has it: from here on nobody answers it otherwise.
-- An open one is answered with state 'open' and left so. May be asked again.
CREATE FUNCTION kolony.hear_answer(the_approval uuid)
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
    RETURN QUERY SELECT asked.name, kolony.approval_state(asked), asked.answer, asked.note,
        (SELECT w.login::text FROM kolony.profiles w WHERE w.profile_id = asked.answered_by);
END
$$;

-- Ends what is still asked by an attempt that ended, or of a run that is asked to end.
CREATE FUNCTION kolony.close_questions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    closed uuid;
BEGIN
    FOR closed IN
        UPDATE kolony.approvals p SET
            expired_at = CASE WHEN p.expires_at <= clock_timestamp() THEN clock_timestamp() END,
            cancelled_at = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE clock_timestamp() END,
            cancelled_why = CASE WHEN p.expires_at <= clock_timestamp() THEN NULL ELSE TG_ARGV[0] END
        WHERE p.workspace_id = NEW.workspace_id AND p.run_id = NEW.run_id AND p.agent_id = NEW.agent_id
          AND p.answered_at IS NULL AND p.cancelled_at IS NULL AND p.expired_at IS NULL
        RETURNING p.approval_id
    LOOP
        PERFORM kolony.hint(NEW.workspace_id, 'inbox:' || closed);
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION kolony.answer_approval(uuid, boolean, text, text) IS 'operator: answer what an agent asks';
GRANT EXECUTE ON FUNCTION kolony.answer_approval(uuid, boolean, text, text) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.ask(uuid, text, text, text, text, jsonb, text, integer), kolony.hear_answer(uuid)
    TO kolony_agents;
GRANT EXECUTE ON FUNCTION kolony.close_questions() TO kolony_owner;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER close_questions AFTER UPDATE OF outcome ON kolony.attempts
    FOR EACH ROW WHEN (OLD.outcome IS NULL AND NEW.outcome IS NOT NULL)
    EXECUTE FUNCTION kolony.close_questions('its attempt has ended');
CREATE TRIGGER close_questions AFTER UPDATE OF cancel_at ON kolony.runs
    FOR EACH ROW WHEN (OLD.cancel_at IS NULL AND NEW.cancel_at IS NOT NULL)
    EXECUTE FUNCTION kolony.close_questions('its run is being cancelled');

RESET ROLE;
