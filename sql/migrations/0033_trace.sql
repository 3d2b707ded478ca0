-- The trace: what an agent did, as a tree. An entry for each prompt, thought, tool call, response and plan of an attempt.

SET LOCAL ROLE kolony_owner;

-- Input and output are JSON as it came, to the letter: the type json keeps what jsonb would not (the order of keys, NUL
-- and halves of characters as escapes). What is longer than a MiB is cut there; the sizes say how long it was.
CREATE TABLE kolony.trace_entries (
    workspace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    attempt      integer NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 300),
    day          date NOT NULL,
    entry_id     uuid NOT NULL DEFAULT kolony.new_id(),
    parent_key   text CHECK (length(parent_key) BETWEEN 1 AND 300),
    position     integer NOT NULL CHECK (position >= 0),
    revision     bigint NOT NULL CHECK (revision > 0),
    type         text NOT NULL CHECK (type IN ('llm_prompt', 'tool_call', 'response', 'thought', 'plan', 'event')),
    name         text CHECK (length(name) <= 500),
    status       text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'denied', 'cancelled')),
    summary      text CHECK (length(summary) <= 400),
    input        json CHECK (octet_length(input::text) <= 1048576),
    input_size   bigint CHECK (input_size >= 0),
    output       json CHECK (octet_length(output::text) <= 1048576),
    output_size  bigint CHECK (output_size >= 0),
    error        text CHECK (length(error) <= 10000),
    tokens       bigint CHECK (tokens >= 0),
    confidence   double precision CHECK (confidence BETWEEN 0 AND 1),
    attributes   jsonb NOT NULL DEFAULT '{}'
        CHECK (jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) <= 65536),
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    duration_ms  double precision CHECK (duration_ms >= 0),
    line_from    bigint CHECK (line_from >= 0),
    line_to      bigint CHECK (line_to >= line_from),
    PRIMARY KEY (workspace_id, run_id, attempt, key, day)
) PARTITION BY RANGE (day);
COMMENT ON COLUMN kolony.trace_entries.key IS 'names the entry within its attempt, as its runner does';
COMMENT ON COLUMN kolony.trace_entries.position IS 'in the order in which the runner heard of the entries first';
COMMENT ON COLUMN kolony.trace_entries.revision IS 'goes up with all news of an attempt: read on above the last one seen';
COMMENT ON COLUMN kolony.trace_entries.input_size IS 'bytes of its JSON before it was cut';
COMMENT ON COLUMN kolony.trace_entries.line_from IS 'newlines in the attempt''s output when the entry began';
COMMENT ON COLUMN kolony.trace_entries.attributes IS 'by the names of OpenTelemetry''s GenAI conventions, where they have one';
CREATE INDEX trace_entries_news ON kolony.trace_entries (workspace_id, run_id, attempt, revision);
CREATE INDEX trace_entries_order ON kolony.trace_entries (workspace_id, run_id, attempt, position);
SELECT kolony.protect('kolony.trace_entries');
CREATE POLICY member ON kolony.trace_entries FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.trace_entries TO kolony_user;

-- As ensure_output_partition.
CREATE FUNCTION kolony.ensure_trace_partition(for_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'trace_entries_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.trace_entries IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.trace_entries INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('ALTER TABLE kolony.trace_entries ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
        part, month, (month + interval '1 month')::date);
END
$$;
GRANT EXECUTE ON FUNCTION kolony.ensure_trace_partition(date) TO kolony_api;
SELECT kolony.ensure_trace_partition(current_date);
SELECT kolony.ensure_trace_partition((current_date + interval '1 month')::date);

SET LOCAL ROLE kolony_api;

-- JSON text behind JSON text; what was no text before gives way.
CREATE FUNCTION kolony.json_joined(before json, piece json) RETURNS json
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN json_typeof(before) = 'string' AND json_typeof(piece) = 'string'
        THEN (left(btrim(before::text, E' \n\r\t'), -1) || substr(btrim(piece::text, E' \n\r\t'), 2))::json
        ELSE piece END
$$;

-- News of an attempt's entries: an array of objects, each of another entry, named by its key. What an object leaves out
-- stands as it was; "output" replaces, "append" comes behind it, both and "input" are JSON in a text. Only what has a
-- higher revision than is there is taken, so a batch may be sent twice.
CREATE FUNCTION kolony.append_trace(the_attempt uuid, entries jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    this kolony.attempts;
BEGIN
    IF jsonb_typeof(entries) IS DISTINCT FROM 'array' OR jsonb_array_length(entries) > 1000 THEN
        RAISE EXCEPTION 'entries of a trace come as an array of at most 1000' USING ERRCODE = '22023';
    END IF;
    SELECT t.* INTO STRICT this FROM kolony.attempts t
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt;
    PERFORM kolony.ensure_trace_partition(this.output_day);
    UPDATE kolony.trace_entries t SET
        parent_key = coalesce(e.parent, t.parent_key), revision = e.revision, type = coalesce(e.type, t.type),
        name = coalesce("left"(e.name, 500), t.name), status = coalesce(e.status, t.status),
        summary = coalesce("left"(e.summary, 400), t.summary),
        input = coalesce(e.input::json, t.input), input_size = coalesce(e.input_size, t.input_size),
        output = CASE WHEN e.append IS NULL THEN coalesce(e.output::json, t.output)
            ELSE kolony.json_joined(coalesce(e.output::json, t.output, '""'), e.append::json) END,
        output_size = coalesce(e.output_size, t.output_size), error = coalesce("left"(e.error, 10000), t.error),
        tokens = coalesce(e.tokens, t.tokens), confidence = coalesce(e.confidence, t.confidence),
        attributes = CASE WHEN octet_length((t.attributes || coalesce(e.attributes, '{}'))::text) <= 65536
            THEN t.attributes || coalesce(e.attributes, '{}') ELSE t.attributes END,
        ended_at = coalesce(e.ended_at, t.ended_at),
        duration_ms = coalesce(e.duration_ms, t.duration_ms), line_to = coalesce(e.line_to, t.line_to)
    FROM jsonb_to_recordset(entries) AS e(
        key text, parent text, revision bigint, type text, name text, status text, summary text, input text,
        input_size bigint, output text, append text, output_size bigint, error text, tokens bigint,
        confidence double precision, attributes jsonb, ended_at timestamptz, duration_ms double precision, line_to bigint)
    WHERE t.workspace_id = held.workspace_id AND t.run_id = held.run_id AND t.attempt = this.number
      AND t.day = this.output_day AND t.key = e.key AND e.revision > t.revision;
    INSERT INTO kolony.trace_entries (workspace_id, run_id, attempt, day, key, parent_key, position, revision, type, name,
        status, summary, input, input_size, output, output_size, error, tokens, confidence, attributes, started_at,
        ended_at, duration_ms, line_from, line_to)
    SELECT held.workspace_id, held.run_id, this.number, this.output_day, e.key, e.parent, e.position, e.revision, e.type,
           "left"(e.name, 500), coalesce(e.status, 'running'), "left"(e.summary, 400), e.input::json, e.input_size,
           CASE WHEN e.append IS NULL THEN e.output::json
               ELSE kolony.json_joined(coalesce(e.output::json, '""'), e.append::json) END,
           e.output_size, "left"(e.error, 10000), e.tokens, e.confidence, coalesce(e.attributes, '{}'),
           coalesce(e.started_at, now()), e.ended_at, e.duration_ms, e.line_from, e.line_to
    FROM jsonb_to_recordset(entries) AS e(
        key text, parent text, position integer, revision bigint, type text, name text, status text, summary text,
        input text, input_size bigint, output text, append text, output_size bigint, error text, tokens bigint,
        confidence double precision, attributes jsonb, started_at timestamptz, ended_at timestamptz,
        duration_ms double precision, line_from bigint, line_to bigint)
    WHERE NOT EXISTS (SELECT FROM kolony.trace_entries t
        WHERE t.workspace_id = held.workspace_id AND t.run_id = held.run_id AND t.attempt = this.number
          AND t.day = this.output_day AND t.key = e.key)
    ON CONFLICT (workspace_id, run_id, attempt, key, day) DO NOTHING;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.append_trace(uuid, jsonb) TO kolony_agents;

CREATE OR REPLACE FUNCTION kolony.announce(hints text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token kolony.agent_tokens := kolony.my_token();
    one text;
BEGIN
    FOR one IN
        SELECT DISTINCT h FROM unnest(hints[1:100]) h
        WHERE h ~ '^(agent|run|output|trace|artifact|conversation):[0-9a-f-]{36}$'
    LOOP
        PERFORM kolony.hint(token.workspace_id, one);
    END LOOP;
END
$$;

RESET ROLE;
