-- Conversations: threads of people with an agent. A person's message is a command to it, what its run ends with is the
-- agent's; and the agent's own session goes on from one to the next.
--
-- Lock order: a conversation comes after agents and runs, and before commands. Who adds a message holds the conversation,
-- so the messages of one are numbered without a hole, and its runs go one at a time: each is sent after the one before.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.conversations (
    workspace_id    uuid NOT NULL REFERENCES kolony.workspaces,
    conversation_id uuid NOT NULL DEFAULT kolony.new_id(),
    number          bigint GENERATED ALWAYS AS IDENTITY,
    agent_id        uuid NOT NULL,
    title           text NOT NULL,
    opened_by       uuid NOT NULL REFERENCES kolony.profiles,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_number     integer NOT NULL DEFAULT 0 CHECK (last_number >= 0),
    last_message_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    archived_at     timestamptz,
    PRIMARY KEY (workspace_id, conversation_id),
    UNIQUE (workspace_id, number),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    CONSTRAINT conversation_title_has_a_length CHECK (title ~ '\S' AND length(title) <= 200)
);
CREATE INDEX conversations_by_opener ON kolony.conversations (opened_by);
CREATE INDEX conversations_by_agent ON kolony.conversations (workspace_id, agent_id);
CREATE INDEX conversations_by_age ON kolony.conversations (workspace_id, last_message_at DESC);

CREATE TABLE kolony.messages (
    workspace_id    uuid NOT NULL,
    conversation_id uuid NOT NULL,
    number          integer NOT NULL CHECK (number > 0),
    message_id      uuid NOT NULL DEFAULT kolony.new_id(),
    origin          text NOT NULL CHECK (origin IN ('person', 'agent', 'note')),
    author_id       uuid REFERENCES kolony.profiles,
    content         text NOT NULL CHECK (octet_length(content) <= 4194304),
    cut             boolean NOT NULL DEFAULT false,
    command_id      uuid,
    run_id          uuid,
    attempt_id      uuid,
    unanswered      boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, conversation_id, number),
    UNIQUE (workspace_id, message_id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations,
    FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands,
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts,
    CONSTRAINT written_by_a_person CHECK ((origin = 'person') = (author_id IS NOT NULL)),
    CONSTRAINT person_has_a_command CHECK (origin <> 'person' OR command_id IS NOT NULL AND run_id IS NOT NULL)
);
COMMENT ON COLUMN kolony.messages.unanswered IS 'of a person: its run has not ended';
COMMENT ON COLUMN kolony.messages.cut IS 'what was said was longer: this is the end of it';
CREATE INDEX messages_by_author ON kolony.messages (author_id) WHERE author_id IS NOT NULL;
CREATE INDEX messages_by_command ON kolony.messages (workspace_id, command_id) WHERE command_id IS NOT NULL;
CREATE INDEX messages_by_run ON kolony.messages (workspace_id, run_id) WHERE run_id IS NOT NULL;
CREATE INDEX messages_by_attempt ON kolony.messages (workspace_id, attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX messages_unanswered ON kolony.messages (workspace_id, conversation_id, number) WHERE unanswered;

CREATE TABLE kolony.message_attachments (
    workspace_id  uuid NOT NULL,
    attachment_id uuid NOT NULL DEFAULT kolony.new_id(),
    message_id    uuid NOT NULL,
    name          text NOT NULL,
    bytes         integer GENERATED ALWAYS AS (octet_length(data)) STORED,
    data          bytea NOT NULL,
    PRIMARY KEY (workspace_id, attachment_id),
    UNIQUE (workspace_id, message_id, name),
    FOREIGN KEY (workspace_id, message_id) REFERENCES kolony.messages (workspace_id, message_id),
    CONSTRAINT attachment_has_a_file_name CHECK (name !~ '[/\\\u0001-\u001f\u007f-\u009f]' AND name !~ '^\.'),
    CONSTRAINT attachment_has_a_short_name CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT attachment_fits_a_folder CHECK (octet_length(name) <= 250),
    CONSTRAINT attachment_is_small CHECK (octet_length(data) <= 4194304)
);

-- How far each person has read.
CREATE TABLE kolony.conversation_reads (
    workspace_id    uuid NOT NULL,
    conversation_id uuid NOT NULL,
    profile_id      uuid NOT NULL REFERENCES kolony.profiles,
    upto            integer NOT NULL CHECK (upto >= 0),
    PRIMARY KEY (workspace_id, conversation_id, profile_id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations
);
CREATE INDEX conversation_reads_by_profile ON kolony.conversation_reads (profile_id);

-- The agent's own session of a conversation: what it is resumed by, and where.
CREATE TABLE kolony.conversation_sessions (
    workspace_id    uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id        uuid NOT NULL,
    session_id      text NOT NULL CHECK (length(session_id) BETWEEN 1 AND 500),
    adapter         text NOT NULL CHECK (length(adapter) <= 100),
    program         text NOT NULL DEFAULT '' CHECK (length(program) <= 200),
    version         text NOT NULL DEFAULT '' CHECK (length(version) <= 200),
    mode            text NOT NULL DEFAULT '' CHECK (length(mode) <= 200),
    cwd             text NOT NULL DEFAULT '' CHECK (length(cwd) <= 5000),
    host            text NOT NULL DEFAULT '',
    how             text NOT NULL CHECK (how IN ('new', 'resumed', 'loaded', 'lost')),
    attempt_id      uuid NOT NULL,
    noted_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, conversation_id),
    FOREIGN KEY (workspace_id, conversation_id) REFERENCES kolony.conversations,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts
);
CREATE INDEX conversation_sessions_by_agent ON kolony.conversation_sessions (workspace_id, agent_id);
CREATE INDEX conversation_sessions_by_attempt ON kolony.conversation_sessions (workspace_id, attempt_id);

-- The answer of an attempt, until its run's end makes a message of it.
CREATE TABLE kolony.conversation_replies (
    workspace_id uuid NOT NULL,
    attempt_id   uuid NOT NULL,
    content      text NOT NULL CHECK (octet_length(content) <= 4194304),
    cut          boolean NOT NULL,
    PRIMARY KEY (workspace_id, attempt_id),
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts
);

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.conversations', 'kolony.messages', 'kolony.message_attachments',
    'kolony.conversation_reads', 'kolony.conversation_sessions', 'kolony.conversation_replies']::regclass[]) t;
CREATE POLICY member ON kolony.conversations FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.messages FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.message_attachments FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.conversation_sessions FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY reader ON kolony.conversation_reads FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[])
           AND profile_id = (SELECT kolony.my_profile_id()));
COMMENT ON POLICY reader ON kolony.conversation_reads IS 'viewer: see how far you have read';
GRANT SELECT ON kolony.conversations, kolony.messages, kolony.message_attachments, kolony.conversation_reads,
    kolony.conversation_sessions TO kolony_user;
GRANT SELECT ON SEQUENCE kolony.conversations_number_seq TO kolony_backup;

-- open_run_id: the oldest run of a thread that has not ended; unread: messages of others beyond what the reader has read.
CREATE VIEW kolony.conversation_overview WITH (security_invoker = true) AS
SELECT c.workspace_id, c.conversation_id, c.number, c.title, c.agent_id, a.name AS agent, a.desired AS agent_desired,
       c.opened_by, p.login AS opened_by_login, c.created_at, c.last_number AS messages, c.last_message_at, c.archived_at,
       greatest(c.last_number - coalesce(d.upto, 0), 0) AS unread, l.origin AS last_origin,
       "left"(l.content, 200) AS last_words, o.run_id AS open_run_id, o.waiting AS open_runs
FROM kolony.conversations c
JOIN kolony.agents a ON a.workspace_id = c.workspace_id AND a.agent_id = c.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = c.opened_by
LEFT JOIN kolony.conversation_reads d ON d.workspace_id = c.workspace_id AND d.conversation_id = c.conversation_id
    AND d.profile_id = (SELECT kolony.my_profile_id())
LEFT JOIN kolony.messages l ON l.workspace_id = c.workspace_id AND l.conversation_id = c.conversation_id
    AND l.number = c.last_number
CROSS JOIN LATERAL (
    SELECT (array_agg(m.run_id ORDER BY m.number))[1] AS run_id, count(*) AS waiting FROM kolony.messages m
    WHERE m.workspace_id = c.workspace_id AND m.conversation_id = c.conversation_id AND m.unanswered) o;
GRANT SELECT ON kolony.conversation_overview TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

-- The conversation, held, once the role is checked.
CREATE FUNCTION kolony.conversation_for_step(the_conversation uuid, needed text) RETURNS kolony.conversations
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    thread kolony.conversations;
BEGIN
    SELECT * INTO thread FROM kolony.conversations c
    WHERE c.conversation_id = the_conversation AND c.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such conversation here' USING ERRCODE = 'P0002', HINT = 'see kolony conversation list';
    END IF;
    PERFORM kolony.require_role(thread.workspace_id, needed);
    -- Agents come first: a message is a command to this one, and whoever retires it ends runs whose threads it holds.
    PERFORM FROM kolony.agents a WHERE a.workspace_id = thread.workspace_id AND a.agent_id = thread.agent_id FOR KEY SHARE;
    SELECT * INTO STRICT thread FROM kolony.conversations c
    WHERE c.workspace_id = thread.workspace_id AND c.conversation_id = the_conversation FOR NO KEY UPDATE;
    RETURN thread;
END
$$;

-- Adds a message and answers with it.
CREATE FUNCTION kolony.add_message(home uuid, thread uuid, message kolony.messages) RETURNS kolony.messages
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added kolony.messages;
BEGIN
    UPDATE kolony.conversations c SET last_number = c.last_number + 1, last_message_at = clock_timestamp(),
        archived_at = CASE WHEN message.origin <> 'person' THEN c.archived_at END
    WHERE c.workspace_id = home AND c.conversation_id = thread RETURNING c.last_number INTO STRICT message.number;
    INSERT INTO kolony.messages (workspace_id, conversation_id, number, origin, author_id, content, cut, command_id,
        run_id, attempt_id, unanswered)
    VALUES (home, thread, message.number, message.origin, message.author_id, message.content,
        coalesce(message.cut, false), message.command_id, message.run_id, message.attempt_id, message.origin = 'person')
    RETURNING * INTO added;
    PERFORM kolony.hint(home, 'conversation:' || thread);
    RETURN added;
END
$$;

CREATE FUNCTION kolony.put_attachments(home uuid, message uuid, file_names text[], files bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    many CONSTANT integer := coalesce(cardinality(file_names), 0);
    wrong text := CASE
        WHEN many <> coalesce(cardinality(files), 0) THEN 'each attachment has a name and a content'
        WHEN many > 20 THEN format('a message has at most 20 attachments, not %s', many)
        WHEN EXISTS (SELECT FROM unnest(file_names, files) f (name, data) WHERE f.name IS NULL OR f.data IS NULL) THEN
            'each attachment has a name and a content'
        WHEN many <> (SELECT count(DISTINCT n) FROM unnest(file_names) n) THEN 'two attachments have the same name'
        WHEN EXISTS (SELECT FROM unnest(file_names) n WHERE octet_length(n) NOT BETWEEN 1 AND 200 OR n ~ '^\.'
                     OR n ~ '[/\\\u0001-\u001f\u007f-\u009f]') THEN
            'an attachment has the name of a file: 1 to 200 bytes, without a slash and not beginning with a dot'
        WHEN EXISTS (SELECT FROM unnest(files) f WHERE octet_length(f) > 4194304) THEN 'an attachment has at most 4 MiB'
        WHEN (SELECT sum(octet_length(f)) FROM unnest(files) f) > 16777216 THEN
            'the attachments of a message have at most 16 MiB together' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.message_attachments (workspace_id, message_id, name, data)
    SELECT home, message, f.name, f.data FROM unnest(file_names, files) f (name, data);
END
$$;

-- What a person says in a thread that the caller holds: a command that comes after the one before.
CREATE FUNCTION kolony.say(thread kolony.conversations, content text, file_names text[], files bytea[])
RETURNS kolony.messages
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    open_before uuid[];
    message kolony.messages;
BEGIN
    SELECT coalesce(array_agg(c.command_id), '{}') INTO open_before FROM (
        SELECT m.command_id FROM kolony.messages m
        WHERE m.workspace_id = thread.workspace_id AND m.conversation_id = thread.conversation_id AND m.unanswered
        ORDER BY m.number DESC LIMIT 100) m
    JOIN kolony.commands c ON c.workspace_id = thread.workspace_id AND c.command_id = m.command_id AND c.outcome IS NULL;
    SELECT s.command_id, s.run_id INTO STRICT message.command_id, message.run_id
    FROM kolony.send_command(thread.workspace_id, ARRAY[thread.agent_id], content, after_commands => open_before,
        after_need => 'ended') s;
    message.origin := 'person';
    message.author_id := kolony.my_profile_id();
    message.content := content;
    message := kolony.add_message(thread.workspace_id, thread.conversation_id, message);
    PERFORM kolony.put_attachments(thread.workspace_id, message.message_id, file_names, files);
    -- Whoever answers has read what is answered.
    INSERT INTO kolony.conversation_reads AS d (workspace_id, conversation_id, profile_id, upto)
    VALUES (thread.workspace_id, thread.conversation_id, message.author_id, message.number)
    ON CONFLICT (workspace_id, conversation_id, profile_id) DO UPDATE SET upto = greatest(d.upto, excluded.upto);
    RETURN message;
END
$$;

-- Opens a thread with an agent by its first message. No title: the first line of the message.
CREATE FUNCTION kolony.start_conversation(in_workspace uuid, with_agent uuid, content text, title text DEFAULT NULL,
    file_names text[] DEFAULT '{}', files bytea[] DEFAULT '{}')
RETURNS TABLE (conversation_id uuid, conversation bigint, message_id uuid, message integer, command_id uuid,
    command_number bigint, run_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    thread kolony.conversations;
    said kolony.messages;
    called text := btrim(coalesce(title, "left"(btrim(split_part(btrim(start_conversation.content, E' \t\r\n'), E'\n', 1),
        E' \t\r'), 100)));
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    PERFORM kolony.check_content(start_conversation.content);
    PERFORM kolony.check_conversation_title(called);
    PERFORM FROM kolony.agents a WHERE a.workspace_id = in_workspace AND a.agent_id = with_agent FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no agent % in this workspace', coalesce(with_agent::text, 'null')
            USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    INSERT INTO kolony.conversations (workspace_id, agent_id, title, opened_by)
    VALUES (in_workspace, with_agent, called, kolony.my_profile_id()) RETURNING * INTO thread;
    PERFORM kolony.record_audit(in_workspace, 'CONVERSATION_STARTED', '~' || thread.number,
        jsonb_build_object('title', called), with_agent);
    said := kolony.say(thread, start_conversation.content, file_names, files);
    RETURN QUERY SELECT thread.conversation_id, thread.number, said.message_id, said.number, said.command_id, c.number,
        said.run_id FROM kolony.commands c WHERE c.workspace_id = in_workspace AND c.command_id = said.command_id;
END
$$;

-- The next message of a thread: it is answered once those before it are.
CREATE FUNCTION kolony.send_message(the_conversation uuid, content text, file_names text[] DEFAULT '{}',
    files bytea[] DEFAULT '{}')
RETURNS TABLE (conversation_id uuid, conversation bigint, message_id uuid, message integer, command_id uuid,
    command_number bigint, run_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    thread kolony.conversations := kolony.conversation_for_step(the_conversation, 'operator');
    said kolony.messages := kolony.say(thread, send_message.content, file_names, files);
BEGIN
    RETURN QUERY SELECT thread.conversation_id, thread.number, said.message_id, said.number, said.command_id, c.number,
        said.run_id FROM kolony.commands c WHERE c.workspace_id = thread.workspace_id AND c.command_id = said.command_id;
END
$$;

CREATE FUNCTION kolony.check_conversation_title(title text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF title IS NULL OR title !~ '\S' OR length(title) > 200 THEN
        RAISE EXCEPTION 'a conversation has a title of 1 to 200 characters' USING ERRCODE = '22023';
    END IF;
END
$$;

CREATE FUNCTION kolony.rename_conversation(the_conversation uuid, title text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    thread kolony.conversations := kolony.conversation_for_step(the_conversation, 'operator');
    called CONSTANT text := btrim(rename_conversation.title);
BEGIN
    PERFORM kolony.check_conversation_title(called);
    UPDATE kolony.conversations c SET title = called
    WHERE c.workspace_id = thread.workspace_id AND c.conversation_id = the_conversation;
    PERFORM kolony.record_audit(thread.workspace_id, 'CONVERSATION_CHANGED', '~' || thread.number,
        jsonb_build_object('title', jsonb_build_object('before', thread.title, 'after', called)), thread.agent_id);
    PERFORM kolony.hint(thread.workspace_id, 'conversation:' || the_conversation);
END
$$;

-- Puts a thread away, or back; the next message brings it back too.
CREATE FUNCTION kolony.archive_conversation(the_conversation uuid, archived boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    thread kolony.conversations := kolony.conversation_for_step(the_conversation, 'operator');
BEGIN
    IF archived IS NULL OR archived = (thread.archived_at IS NOT NULL) THEN
        RETURN;
    END IF;
    UPDATE kolony.conversations c SET archived_at = CASE WHEN archived THEN clock_timestamp() END
    WHERE c.workspace_id = thread.workspace_id AND c.conversation_id = the_conversation;
    PERFORM kolony.record_audit(thread.workspace_id, 'CONVERSATION_CHANGED', '~' || thread.number,
        jsonb_build_object('archived', archived), thread.agent_id);
    PERFORM kolony.hint(thread.workspace_id, 'conversation:' || the_conversation);
END
$$;

-- Notes how far the caller has read: up to this message, or all of it; never back.
CREATE FUNCTION kolony.read_conversation(the_conversation uuid, upto integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    thread kolony.conversations;
BEGIN
    SELECT * INTO thread FROM kolony.conversations c
    WHERE c.conversation_id = the_conversation AND c.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such conversation here' USING ERRCODE = 'P0002', HINT = 'see kolony conversation list';
    END IF;
    PERFORM kolony.require_role(thread.workspace_id, 'viewer');
    INSERT INTO kolony.conversation_reads AS d (workspace_id, conversation_id, profile_id, upto)
    VALUES (thread.workspace_id, the_conversation, kolony.my_profile_id(),
        least(greatest(coalesce(read_conversation.upto, thread.last_number), 0), thread.last_number))
    ON CONFLICT (workspace_id, conversation_id, profile_id) DO UPDATE SET upto = excluded.upto
    WHERE d.upto < excluded.upto;
END
$$;

-- The end of what an attempt printed to its standard output, as text: at most 64 KiB, cut at a whole character.
CREATE FUNCTION kolony.printed_end(home uuid, of_attempt kolony.attempts, OUT content text, OUT cut boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most CONSTANT integer := 65536;
    piece bytea;
    whole bytea := '';
BEGIN
    cut := false;
    FOR piece IN
        SELECT c.data FROM kolony.output_chunks c
        WHERE c.workspace_id = home AND c.run_id = of_attempt.run_id AND c.attempt = of_attempt.number
          AND c.day = of_attempt.output_day AND c.stream = 'stdout' ORDER BY c.seq DESC
    LOOP
        whole := piece || whole;
        IF octet_length(whole) > most THEN
            whole := substring(whole FROM octet_length(whole) - most + 1);
            cut := true;
            EXIT;
        END IF;
    END LOOP;
    WHILE cut AND octet_length(whole) > 0 AND get_byte(whole, 0) & 192 = 128 LOOP
        whole := substring(whole FROM 2);
    END LOOP;
    BEGIN
        content := convert_from(whole, 'UTF8');
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        content := encode(whole, 'escape');
    END;
    content := rtrim(content, E'\r\n');
END
$$;

-- The end of a run that is about a message of a thread: its answer is the agent's message, and whatever went wrong is a
-- note. A run that is tried again waits for its answer again.
CREATE FUNCTION kolony.answer_message() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.messages;
    last kolony.attempts;
    reply kolony.messages;
    about text;
BEGIN
    SELECT * INTO asked FROM kolony.messages m
    WHERE m.workspace_id = NEW.workspace_id AND m.run_id = NEW.run_id AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM kolony.conversations c
    WHERE c.workspace_id = asked.workspace_id AND c.conversation_id = asked.conversation_id FOR NO KEY UPDATE;
    UPDATE kolony.messages m SET unanswered = NEW.outcome IS NULL
    WHERE m.workspace_id = asked.workspace_id AND m.conversation_id = asked.conversation_id AND m.number = asked.number;
    IF NEW.outcome IS NULL THEN
        PERFORM kolony.hint(asked.workspace_id, 'conversation:' || asked.conversation_id);
        RETURN NULL;
    END IF;
    SELECT * INTO last FROM kolony.attempts t
    WHERE t.workspace_id = NEW.workspace_id AND t.run_id = NEW.run_id ORDER BY t.number DESC LIMIT 1;
    reply.command_id := NEW.command_id;
    reply.run_id := NEW.run_id;
    reply.attempt_id := last.attempt_id;
    IF last.attempt_id IS NOT NULL THEN
        DELETE FROM kolony.conversation_replies y
        WHERE y.workspace_id = NEW.workspace_id AND y.attempt_id = last.attempt_id
        RETURNING y.content, y.cut INTO reply.content, reply.cut;
        IF NOT FOUND THEN
            SELECT p.content, p.cut INTO reply.content, reply.cut FROM kolony.printed_end(NEW.workspace_id, last) p;
        END IF;
    END IF;
    IF reply.content ~ '\S' THEN
        reply.origin := 'agent';
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
    about := '#' || (SELECT c.number FROM kolony.commands c
                     WHERE c.workspace_id = NEW.workspace_id AND c.command_id = NEW.command_id);
    IF NEW.outcome <> 'completed' OR coalesce(reply.content, '') !~ '\S' THEN
        reply.origin := 'note';
        reply.cut := false;
        reply.content := CASE NEW.outcome
            WHEN 'completed' THEN about || ' ended without an answer'
            WHEN 'failed' THEN concat_ws(': ', about || ' failed', "left"(NEW.error, 2000))
            ELSE concat_ws(': ', about || ' was cancelled', "left"(coalesce(nullif(NEW.cancel_why, ''), NEW.error), 2000)) END;
        PERFORM kolony.add_message(asked.workspace_id, asked.conversation_id, reply);
    END IF;
    RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.answer_message() TO kolony_owner;

-- What an attempt at a message of a thread needs to know of it: the agent's own session, where it can go on there; the
-- last messages, for one that cannot; the files that came with the message. Null where the run is in no thread.
CREATE FUNCTION kolony.conversation_brief(home uuid, the_run uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked kolony.messages;
    here record;
BEGIN
    SELECT * INTO asked FROM kolony.messages m WHERE m.workspace_id = home AND m.run_id = the_run AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT s.host, l.agent_id INTO here FROM kolony.leases l
    JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
    WHERE l.workspace_id = home AND l.run_id = the_run;
    RETURN jsonb_build_object(
        'conversation_id', asked.conversation_id,
        'resume', (SELECT jsonb_build_object('session_id', k.session_id, 'adapter', k.adapter, 'cwd', k.cwd, 'mode', k.mode)
                   FROM kolony.conversation_sessions k
                   WHERE k.workspace_id = home AND k.conversation_id = asked.conversation_id
                     AND k.agent_id = here.agent_id AND k.host = here.host),
        'missed', (SELECT jsonb_agg(jsonb_build_object('origin', w.origin, 'who', w.who, 'text', w.words, 'cut', w.cut)
                                    ORDER BY w.number)
                   FROM (SELECT m.number, m.origin, coalesce(p.login, '') AS who, "left"(m.content, 6000) AS words,
                                m.cut OR length(m.content) > 6000 AS cut,
                                sum(least(octet_length(m.content), 24000)) OVER (ORDER BY m.number DESC) AS so_far
                         FROM kolony.messages m LEFT JOIN kolony.profiles p ON p.profile_id = m.author_id
                         WHERE m.workspace_id = home AND m.conversation_id = asked.conversation_id
                           AND m.number BETWEEN asked.number - 40 AND asked.number - 1) w
                   WHERE w.so_far <= 65536),
        'attachments', (SELECT jsonb_agg(jsonb_build_object('attachment_id', f.attachment_id, 'name', f.name,
                                                            'bytes', f.bytes) ORDER BY f.attachment_id)
                        FROM kolony.message_attachments f
                        WHERE f.workspace_id = home AND f.message_id = asked.message_id));
END
$$;

-- A file that came with the message that an attempt is about.
CREATE FUNCTION kolony.read_attachment(the_attempt uuid, the_attachment uuid) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    content bytea;
BEGIN
    SELECT f.data INTO content FROM kolony.message_attachments f
    JOIN kolony.messages m ON m.workspace_id = f.workspace_id AND m.message_id = f.message_id
    WHERE f.workspace_id = held.workspace_id AND f.attachment_id = the_attachment AND m.run_id = held.run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this file did not come with what the attempt is about' USING ERRCODE = 'P0002';
    END IF;
    RETURN content;
END
$$;

-- The agent's own session is open: the next run of the thread goes on with it. Where the agent could not go on with the
-- one before, the thread says so. Saying the same again does nothing more.
CREATE FUNCTION kolony.note_session(the_attempt uuid, session_id text, how text, adapter text, program text DEFAULT '',
    version text DEFAULT '', mode text DEFAULT '', cwd text DEFAULT '', why text DEFAULT '') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    before kolony.conversation_sessions;
    here text;
    note kolony.messages;
BEGIN
    IF how IS NULL OR how NOT IN ('new', 'resumed', 'loaded', 'lost') OR coalesce(session_id, '') = '' THEN
        RAISE EXCEPTION 'a session has an id, and is new, resumed, loaded or lost' USING ERRCODE = '22023';
    END IF;
    SELECT m.* INTO note FROM kolony.messages m
    WHERE m.workspace_id = held.workspace_id AND m.run_id = held.run_id AND m.origin = 'person';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT s.host INTO STRICT here FROM kolony.agent_sessions s
    WHERE s.workspace_id = held.workspace_id AND s.session_id = held.session_id;
    PERFORM FROM kolony.conversations c
    WHERE c.workspace_id = held.workspace_id AND c.conversation_id = note.conversation_id FOR NO KEY UPDATE;
    SELECT * INTO before FROM kolony.conversation_sessions k
    WHERE k.workspace_id = held.workspace_id AND k.conversation_id = note.conversation_id;
    IF before.attempt_id = the_attempt AND before.session_id = "left"(note_session.session_id, 500) THEN
        RETURN;
    END IF;
    INSERT INTO kolony.conversation_sessions (workspace_id, conversation_id, agent_id, session_id, adapter, program,
        version, mode, cwd, host, how, attempt_id)
    VALUES (held.workspace_id, note.conversation_id, held.agent_id, "left"(note_session.session_id, 500),
        "left"(coalesce(note_session.adapter, ''), 100), "left"(coalesce(note_session.program, ''), 200),
        "left"(coalesce(note_session.version, ''), 200), "left"(coalesce(note_session.mode, ''), 200),
        "left"(coalesce(note_session.cwd, ''), 5000), here, note_session.how, the_attempt)
    ON CONFLICT (workspace_id, conversation_id) DO UPDATE SET agent_id = excluded.agent_id,
        session_id = excluded.session_id, adapter = excluded.adapter, program = excluded.program,
        version = excluded.version, mode = excluded.mode, cwd = excluded.cwd, host = excluded.host, how = excluded.how,
        attempt_id = excluded.attempt_id, noted_at = clock_timestamp();
    IF how = 'lost' OR how = 'new' AND before.session_id IS NOT NULL THEN
        note.origin := 'note';
        note.author_id := NULL;
        note.attempt_id := the_attempt;
        note.content := concat_ws(': ', 'The agent could not go on with its own session and began a new one; it was given '
            || 'the last messages. Context was lost', coalesce(nullif("left"(why, 1000), ''),
            CASE WHEN before.agent_id <> held.agent_id THEN 'another agent has done this before'
                 WHEN before.host <> here THEN format('its session is on %s, and this runner on %s', before.host, here)
                 ELSE 'the agent did not say why' END));
        PERFORM kolony.add_message(held.workspace_id, note.conversation_id, note);
    END IF;
END
$$;

-- The answer of an attempt at a message, before its end; the last one said counts.
CREATE FUNCTION kolony.note_reply(the_attempt uuid, content text, cut boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    IF EXISTS (SELECT FROM kolony.messages m
               WHERE m.workspace_id = held.workspace_id AND m.run_id = held.run_id AND m.origin = 'person') THEN
        INSERT INTO kolony.conversation_replies AS y (workspace_id, attempt_id, content, cut)
        VALUES (held.workspace_id, the_attempt, coalesce(note_reply.content, ''), coalesce(note_reply.cut, false))
        ON CONFLICT (workspace_id, attempt_id) DO UPDATE SET content = excluded.content, cut = excluded.cut;
    END IF;
END
$$;

COMMENT ON FUNCTION kolony.start_conversation(uuid, uuid, text, text, text[], bytea[]) IS
    'operator: start a conversation with an agent';
COMMENT ON FUNCTION kolony.send_message(uuid, text, text[], bytea[]) IS 'operator: say something in a conversation';
COMMENT ON FUNCTION kolony.rename_conversation(uuid, text) IS 'operator: rename a conversation';
COMMENT ON FUNCTION kolony.archive_conversation(uuid, boolean) IS 'operator: put a conversation away, or back';
COMMENT ON FUNCTION kolony.read_conversation(uuid, integer) IS 'viewer: note how far you have read a conversation';
GRANT EXECUTE ON FUNCTION kolony.start_conversation(uuid, uuid, text, text, text[], bytea[]),
    kolony.send_message(uuid, text, text[], bytea[]), kolony.rename_conversation(uuid, text),
    kolony.archive_conversation(uuid, boolean), kolony.read_conversation(uuid, integer) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.read_attachment(uuid, uuid),
    kolony.note_session(uuid, text, text, text, text, text, text, text, text), kolony.note_reply(uuid, text, boolean)
    TO kolony_agents;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER answer_message AFTER UPDATE OF outcome ON kolony.runs
    FOR EACH ROW WHEN ((OLD.outcome IS NULL) <> (NEW.outcome IS NULL)) EXECUTE FUNCTION kolony.answer_message();

RESET ROLE;
