-- Output: chunks of bytes, numbered by their one writer, partitioned by the month in which their attempt was claimed.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.output_chunks (
    workspace_id uuid NOT NULL,
    run_id       uuid NOT NULL,
    attempt      integer NOT NULL,
    seq          integer NOT NULL CHECK (seq >= 0),
    day          date NOT NULL,
    stream       text NOT NULL CHECK (stream IN ('stdout', 'stderr', 'log')),
    at           timestamptz NOT NULL,
    first_line   bigint NOT NULL CHECK (first_line >= 0),
    line_count   integer NOT NULL CHECK (line_count >= 0),
    data         bytea NOT NULL CHECK (length(data) BETWEEN 1 AND 1048576),
    PRIMARY KEY (workspace_id, run_id, attempt, seq, day)
) PARTITION BY RANGE (day);
COMMENT ON COLUMN kolony.output_chunks.first_line IS 'newlines in all earlier chunks of the attempt, of every stream';
SELECT kolony.protect('kolony.output_chunks');
CREATE POLICY member ON kolony.output_chunks FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.output_chunks TO kolony_user;

-- A partition has row security of its own and no grants: it is reached through its parent only.
CREATE FUNCTION kolony.ensure_output_partition(for_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month date := date_trunc('month', for_day)::date;
    part text := 'output_chunks_' || to_char(for_day, 'YYYY_MM');
BEGIN
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Attached, not created in place: that would wait for every reader of the table, and every claim would wait for it.
    LOCK TABLE kolony.output_chunks IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass('kolony.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE kolony.%I (LIKE kolony.output_chunks INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE kolony.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('ALTER TABLE kolony.%I FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('CREATE POLICY backup ON kolony.%I FOR SELECT TO kolony_backup USING (true)', part);
    EXECUTE format('GRANT SELECT ON kolony.%I TO kolony_backup', part);
    EXECUTE format('ALTER TABLE kolony.output_chunks ATTACH PARTITION kolony.%I FOR VALUES FROM (%L) TO (%L)',
        part, month, (month + interval '1 month')::date);
END
$$;
GRANT EXECUTE ON FUNCTION kolony.ensure_output_partition(date) TO kolony_api;
SELECT kolony.ensure_output_partition(current_date);
SELECT kolony.ensure_output_partition((current_date + interval '1 month')::date);

SET LOCAL ROLE kolony_api;

-- Appends a batch of chunks of one attempt; a chunk that is there already is left alone, so a batch may be sent twice.
CREATE FUNCTION kolony.append_output(the_attempt uuid, seqs integer[], streams text[], ats timestamptz[],
    first_lines bigint[], line_counts integer[], datas bytea[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    INSERT INTO kolony.output_chunks (workspace_id, run_id, attempt, seq, day, stream, at, first_line, line_count, data)
    SELECT held.workspace_id, held.run_id, t.number, c.seq, t.output_day, c.stream, c.at, c.first_line, c.line_count, c.data
    FROM kolony.attempts t
    CROSS JOIN LATERAL unnest(seqs, streams, ats, first_lines, line_counts, datas)
        AS c (seq, stream, at, first_line, line_count, data)
    WHERE t.workspace_id = held.workspace_id AND t.attempt_id = the_attempt
    ON CONFLICT (workspace_id, run_id, attempt, seq, day) DO NOTHING;
END
$$;

-- Which chunks of an attempt are missing, in words; null when all are there and none is over.
CREATE FUNCTION kolony.output_hole(home uuid, the_run uuid, the_attempt uuid, expected bigint) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this kolony.attempts;
    there bigint;
    highest bigint;
    missing text;
BEGIN
    SELECT * INTO STRICT this FROM kolony.attempts t WHERE t.workspace_id = home AND t.attempt_id = the_attempt;
    SELECT count(*), coalesce(max(c.seq), -1) INTO there, highest FROM kolony.output_chunks c
    WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = this.number AND c.day = this.output_day;
    IF expected IS NOT NULL AND there = expected AND highest = expected - 1 THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(n::text, ', ') INTO missing FROM (
        SELECT n FROM generate_series(0, least(coalesce(expected, 0) - 1, there + 20)) n
        WHERE NOT EXISTS (SELECT FROM kolony.output_chunks c
            WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = this.number
              AND c.day = this.output_day AND c.seq = n)
        ORDER BY n LIMIT 20) gaps;
    RETURN format('%s chunks of %s are there, missing %s', there, coalesce(expected, 0), coalesce(missing, 'none'));
END
$$;

GRANT EXECUTE ON FUNCTION kolony.append_output(uuid, integer[], text[], timestamptz[], bigint[], integer[], bytea[])
    TO kolony_agents;

RESET ROLE;
