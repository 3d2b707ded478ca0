-- Search in the output of a run: range by range, so that whoever asks tells the progress and can stop.

SET LOCAL ROLE kolony_api;

-- Bytes as text to search in. What is no UTF-8, or holds a NUL, comes with octal escapes instead (`escaped`); a character
-- that an edge cut in two is left out.
CREATE FUNCTION kolony.searchable(bytes bytea, OUT words text, OUT escaped boolean)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    begun integer := 0;
    rest integer := length(bytes);
    lead integer;
BEGIN
    WHILE begun < least(rest, 3) AND get_byte(bytes, begun) & 192 = 128 LOOP
        begun := begun + 1;
    END LOOP;
    FOR back IN 1 .. least(3, rest) LOOP
        lead := get_byte(bytes, rest - back);
        IF lead >= 192 AND back < (CASE WHEN lead >= 240 THEN 4 WHEN lead >= 224 THEN 3 ELSE 2 END) THEN
            rest := rest - back;
        END IF;
        EXIT WHEN lead & 192 <> 128;
    END LOOP;
    BEGIN
        words := convert_from(substr(bytes, begun + 1, greatest(rest - begun, 0)), 'UTF8');
        escaped := false;
    EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
        words := encode(bytes, 'escape');
        escaped := true;
    END;
    IF strpos(words, E'\x1b') > 0 THEN
        words := regexp_replace(words, E'\x1b\\[[0-9;:?]*[ -/]*[@-~]', '', 'g');
    END IF;
END
$$;

CREATE FUNCTION kolony.stands_in(words text, wanted text, as_pattern boolean, any_case boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN as_pattern THEN words ~ wanted WHEN any_case THEN strpos(lower(words), wanted) > 0
                ELSE strpos(words, wanted) > 0 END
$$;

-- The line that a piece does not finish: at most the last 8 KiB of it.
CREATE FUNCTION kolony.unfinished(bytes bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN length(bytes) = 0 OR get_byte(bytes, length(bytes) - 1) = 10 THEN ''
                ELSE decode(substring(encode(substr(bytes, greatest(length(bytes) - 8191, 1)), 'escape') FROM '[^\n]*$'),
                            'escape') END
$$;

-- The lines of a part of an attempt's output (pieces `first` to `last`) in which something stands: the piece, how many
-- newlines were printed before the line, its stream, and the first `width` characters of it. Colours are no text. A line
-- that goes over the edge of a piece is found with the piece in which what is wanted ends.
CREATE FUNCTION kolony.search_output(home uuid, the_run uuid, the_attempt integer, of_day date, first integer,
    last integer, wanted text, as_pattern boolean, any_case boolean, only_stream text, width integer)
    RETURNS TABLE (seq integer, line bigint, stream text, words bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    needle text := CASE WHEN as_pattern THEN '' WHEN any_case THEN lower(wanted) ELSE wanted END;
    needle_escaped text;
    needed text;
    streams CONSTANT text[] := ARRAY['stdout', 'stderr', 'log'];
    carried bytea[] := ARRAY[NULL, NULL, NULL]::bytea[];
    this record;
    there record;
    which integer;
    again boolean;
BEGIN
    PERFORM kolony.require_role(home, 'viewer');
    IF coalesce(wanted, '') = '' OR strpos(wanted, E'\n') > 0 OR length(wanted) > 1000 THEN
        RAISE EXCEPTION 'what is searched for is 1 to 1000 characters of a line' USING ERRCODE = '22023';
    ELSIF last IS NULL OR first IS NULL OR last - first >= 4096 THEN
        RAISE EXCEPTION 'at most 4096 pieces are searched at once' USING ERRCODE = '22023';
    END IF;
    IF as_pattern THEN
        needle := (CASE WHEN any_case THEN '(?ni)' ELSE '(?n)' END) || wanted;
        needle_escaped := needle;
        BEGIN
            PERFORM 'x' ~ needle;
        EXCEPTION WHEN invalid_regular_expression THEN
            RAISE EXCEPTION '%', SQLERRM USING ERRCODE = '22023', HINT = 'without --regex, or slashes, it is plain text';
        END;
    ELSE
        needle_escaped := encode(convert_to(needle, 'UTF8'), 'escape');
    END IF;
    FOR this IN
        SELECT c.seq, c.stream, c.first_line, c.data FROM kolony.output_chunks c
        WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = the_attempt AND c.day = of_day
          AND c.seq >= first AND c.seq <= last AND (only_stream IS NULL OR c.stream = only_stream)
        ORDER BY c.seq
    LOOP
        which := array_position(streams, this.stream);
        IF carried[which] IS NULL THEN
            carried[which] := coalesce((
                SELECT kolony.unfinished(c.data) FROM kolony.output_chunks c
                WHERE c.workspace_id = home AND c.run_id = the_run AND c.attempt = the_attempt AND c.day = of_day
                  AND c.seq < first AND c.stream = this.stream
                ORDER BY c.seq DESC LIMIT 1), '');
        END IF;
        there := kolony.searchable(carried[which] || this.data);
        needed := CASE WHEN there.escaped THEN needle_escaped ELSE needle END;
        IF kolony.stands_in(there.words, needed, as_pattern, any_case) THEN
            -- What stood in what was carried over was found with the piece before.
            again := kolony.stands_in((kolony.searchable(carried[which])).words, needed, as_pattern, any_case)
                AND carried[which] <> '';
            RETURN QUERY
            SELECT this.seq, this.first_line + l.place - 1, this.stream,
                   CASE WHEN there.escaped AND length(l.words) <= width THEN decode(l.words, 'escape')
                        ELSE convert_to(left(l.words, width), 'UTF8') END
            FROM string_to_table(there.words, E'\n') WITH ORDINALITY AS l (words, place)
            WHERE NOT (l.place = 1 AND again) AND kolony.stands_in(l.words, needed, as_pattern, any_case);
        END IF;
        carried[which] := kolony.unfinished(carried[which] || this.data);
    END LOOP;
END
$$;

COMMENT ON FUNCTION kolony.search_output(uuid, uuid, integer, date, integer, integer, text, boolean, boolean, text,
    integer) IS 'viewer: search the output of a run';
GRANT EXECUTE ON FUNCTION kolony.search_output(uuid, uuid, integer, date, integer, integer, text, boolean, boolean, text,
    integer) TO kolony_user;

RESET ROLE;
