-- Artifacts: the files, diffs and patches that a run leaves, kept in pieces under caps.
--
-- What is over a cap is recorded by name and size with the reason why it was not kept. The same content is kept once in
-- a run: content_id names the artifact whose parts it is. All of a run's artifacts go with one DELETE by its run.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.artifacts (
    workspace_id uuid NOT NULL,
    artifact_id  uuid NOT NULL DEFAULT kolony.new_id(),
    run_id       uuid NOT NULL,
    attempt_id   uuid NOT NULL,
    name         text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1024)
                     CONSTRAINT artifact_has_a_plain_name CHECK (name !~ '[[:cntrl:]]')
                     CONSTRAINT artifact_stays_in_its_folder CHECK (name !~ '(^|/)(\.{1,2})?(/|$)'),
    kind         text NOT NULL CHECK (kind IN ('file', 'diff', 'patch')),
    media_type   text NOT NULL CHECK (length(media_type) <= 100 AND media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'),
    size         bigint NOT NULL CHECK (size >= 0),
    sha256       text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    content_id   uuid,
    why_not      text CHECK (length(why_not) <= 500),
    created_at   timestamptz NOT NULL DEFAULT now(),
    kept_at      timestamptz,
    PRIMARY KEY (workspace_id, artifact_id),
    CONSTRAINT named_once UNIQUE (workspace_id, attempt_id, kind, name),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts,
    FOREIGN KEY (workspace_id, content_id) REFERENCES kolony.artifacts DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT kept_or_not CHECK (kept_at IS NULL OR why_not IS NULL AND content_id IS NOT NULL AND sha256 IS NOT NULL)
);
COMMENT ON COLUMN kolony.artifacts.why_not IS 'why its content was not kept';
COMMENT ON COLUMN kolony.artifacts.kept_at IS 'when all of its content was there';
CREATE INDEX artifacts_by_run ON kolony.artifacts (workspace_id, run_id, sha256);
CREATE INDEX artifacts_by_content ON kolony.artifacts (workspace_id, content_id);

CREATE TABLE kolony.artifact_parts (
    workspace_id uuid NOT NULL,
    artifact_id  uuid NOT NULL,
    part         integer NOT NULL CHECK (part >= 0),
    data         bytea NOT NULL CHECK (length(data) BETWEEN 1 AND 1048576),
    PRIMARY KEY (workspace_id, artifact_id, part),
    FOREIGN KEY (workspace_id, artifact_id) REFERENCES kolony.artifacts ON DELETE CASCADE
);

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.artifacts', 'kolony.artifact_parts']::regclass[]) t;
CREATE POLICY member ON kolony.artifacts FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.artifact_parts FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.artifacts, kolony.artifact_parts TO kolony_user;

-- What a person sees of them. kept: the content is there; why_not: words for why it is not, or not yet.
CREATE VIEW kolony.artifact_overview WITH (security_invoker = true) AS
SELECT a.workspace_id, a.artifact_id, a.run_id, t.number AS attempt, a.name, a.kind, a.media_type, a.size, a.sha256,
       a.content_id, a.kept_at IS NOT NULL AS kept,
       CASE WHEN a.kept_at IS NOT NULL THEN NULL
            ELSE coalesce(a.why_not, CASE WHEN t.outcome IS NULL THEN 'it is being stored'
                                          ELSE 'its runner went before all of it was stored' END) END AS why_not,
       a.created_at
FROM kolony.artifacts a
JOIN kolony.attempts t ON t.workspace_id = a.workspace_id AND t.attempt_id = a.attempt_id;
GRANT SELECT ON kolony.artifact_overview TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

-- Why a run keeps no further content of this size; null where it does. 16 MiB a file, 64 MiB and 1,000 contents a run.
CREATE FUNCTION kolony.artifact_cap(home uuid, the_run uuid, with_size bigint) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    files bigint;
    bytes bigint;
BEGIN
    IF with_size > 16777216 THEN
        RETURN 'a file of more than 16 MiB is not kept';
    END IF;
    SELECT count(*), coalesce(sum(a.size) FILTER (WHERE a.content_id = a.artifact_id), 0) INTO files, bytes
    FROM kolony.artifacts a
    WHERE a.workspace_id = home AND a.run_id = the_run AND a.content_id IS NOT NULL;
    RETURN CASE WHEN files >= 1000 THEN 'a run keeps at most 1,000 files'
                WHEN bytes + with_size > 67108864 THEN 'a run keeps at most 64 MiB' END;
END
$$;

-- Says what is wrong with what a runner says of an artifact.
CREATE FUNCTION kolony.check_artifact(name text, kind text, media_type text, size bigint, sha256 text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN name IS NULL OR octet_length(name) NOT BETWEEN 1 AND 1024 OR name ~ '[[:cntrl:]]'
            OR name ~ '(^|/)(\.{1,2})?(/|$)' THEN
            'an artifact is named by a relative path of 1 to 1,024 bytes without control characters'
        WHEN kind IS NULL OR kind NOT IN ('file', 'diff', 'patch') THEN 'an artifact is a file, a diff or a patch'
        WHEN media_type IS NULL OR length(media_type) > 100 OR media_type !~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$' THEN
            'a media type is written as text/plain'
        WHEN size IS NULL OR size < 0 THEN 'a size is 0 or more'
        WHEN sha256 !~ '^[0-9a-f]{64}$' THEN 'a SHA-256 is 64 hexadecimal digits' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = '22023';
    END IF;
END
$$;

-- Says that an attempt has left something. Answers with the id, how many bytes of its content are there, and why the
-- rest is not wanted: null, it is to come by append_artifact_part until all are there. Saying it again answers how it
-- stands. not_kept: the runner does not keep it, and why; also for one whose content could not be read to its end.
CREATE FUNCTION kolony.keep_artifact(the_attempt uuid, name text, kind text, media_type text, size bigint,
    sha256 text, not_kept text DEFAULT NULL)
RETURNS TABLE (artifact_id uuid, stored bigint, why_not text, kept boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    this kolony.artifacts;
    twin uuid;
BEGIN
    PERFORM kolony.check_artifact(name, kind, media_type, size, sha256);
    -- Held, so that two calls of one runner do not pass a cap together.
    PERFORM FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT a.* INTO this FROM kolony.artifacts a
    WHERE a.workspace_id = home AND a.attempt_id = the_attempt AND a.kind = kind AND a.name = name;
    IF NOT FOUND THEN
        IF (SELECT count(*) FROM kolony.artifacts a
            WHERE a.workspace_id = home AND a.run_id = held.run_id) >= 2000
        THEN
            RAISE EXCEPTION 'a run records at most 2,000 files' USING ERRCODE = '54000';
        END IF;
        INSERT INTO kolony.artifacts AS a (workspace_id, run_id, attempt_id, name, kind, media_type, size, sha256,
            why_not)
        VALUES (home, held.run_id, the_attempt, name, kind, media_type, size, sha256,
            coalesce("left"(not_kept, 500), CASE WHEN sha256 IS NULL THEN 'its content was not read' END))
        RETURNING a.* INTO this;
    ELSIF this.kept_at IS NULL AND not_kept IS NOT NULL THEN
        DELETE FROM kolony.artifact_parts p WHERE p.workspace_id = home AND p.artifact_id = this.artifact_id;
        UPDATE kolony.artifacts a SET why_not = "left"(not_kept, 500), content_id = NULL
        WHERE a.workspace_id = home AND a.artifact_id = this.artifact_id RETURNING a.* INTO this;
    END IF;
    IF this.kept_at IS NULL AND this.why_not IS NULL AND this.content_id IS NULL THEN
        SELECT a.artifact_id INTO twin FROM kolony.artifacts a
        WHERE a.workspace_id = home AND a.run_id = held.run_id AND a.sha256 = this.sha256 AND a.size = this.size
          AND a.kept_at IS NOT NULL AND a.content_id = a.artifact_id LIMIT 1;
        UPDATE kolony.artifacts a
        SET content_id = CASE WHEN cap.words IS NULL THEN coalesce(twin, a.artifact_id) END, why_not = cap.words,
            kept_at = CASE WHEN cap.words IS NULL AND (twin IS NOT NULL OR kolony.is_empty(a.size, a.sha256))
                           THEN now() END
        FROM (SELECT kolony.artifact_cap(home, held.run_id, CASE WHEN twin IS NULL THEN this.size ELSE 0 END)) cap (words)
        WHERE a.workspace_id = home AND a.artifact_id = this.artifact_id RETURNING a.* INTO this;
    END IF;
    IF this.kept_at IS NOT NULL OR this.why_not IS NOT NULL THEN
        PERFORM kolony.hint(home, 'artifact:' || held.run_id);
    END IF;
    RETURN QUERY SELECT this.artifact_id, (
        SELECT coalesce(sum(length(p.data)), 0)::bigint FROM kolony.artifact_parts p
        WHERE p.workspace_id = home AND p.artifact_id = this.artifact_id), this.why_not, this.kept_at IS NOT NULL;
END
$$;

CREATE FUNCTION kolony.is_empty(size bigint, sha256 text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT size = 0 AND sha256 = encode(pg_catalog.sha256(''), 'hex')
$$;

-- The next piece of an artifact's content; one that is there already is left alone. With the last one the whole is
-- compared with what was said of it. True: all of it is there.
CREATE FUNCTION kolony.append_artifact_part(the_attempt uuid, the_artifact uuid, at_part integer, with_data bytea)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    this kolony.artifacts;
    stored bigint;
    whole bytea;
BEGIN
    SELECT a.* INTO this FROM kolony.artifacts a
    WHERE a.workspace_id = home AND a.artifact_id = the_artifact AND a.attempt_id = the_attempt FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this attempt has no such artifact' USING ERRCODE = 'P0002';
    END IF;
    IF this.kept_at IS NOT NULL THEN
        RETURN true;
    END IF;
    IF this.content_id IS DISTINCT FROM this.artifact_id THEN
        RAISE EXCEPTION 'the content of this artifact is not kept' USING ERRCODE = '55000';
    END IF;
    INSERT INTO kolony.artifact_parts (workspace_id, artifact_id, part, data)
    VALUES (home, the_artifact, at_part, with_data) ON CONFLICT (workspace_id, artifact_id, part) DO NOTHING;
    SELECT sum(length(p.data)) INTO stored FROM kolony.artifact_parts p
    WHERE p.workspace_id = home AND p.artifact_id = the_artifact;
    IF stored > this.size THEN
        RAISE EXCEPTION 'this is more than was said of it' USING ERRCODE = '22023';
    ELSIF stored < this.size THEN
        RETURN false;
    END IF;
    SELECT string_agg(p.data, '' ORDER BY p.part) INTO whole FROM kolony.artifact_parts p
    WHERE p.workspace_id = home AND p.artifact_id = the_artifact;
    IF encode(sha256(whole), 'hex') <> this.sha256 THEN
        RAISE EXCEPTION 'this is not what was said of it' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.artifacts a SET kept_at = now() WHERE a.workspace_id = home AND a.artifact_id = the_artifact;
    PERFORM kolony.hint(home, 'artifact:' || this.run_id);
    RETURN true;
END
$$;

GRANT EXECUTE ON FUNCTION kolony.keep_artifact(uuid, text, text, text, bigint, text, text),
    kolony.append_artifact_part(uuid, uuid, integer, bytea) TO kolony_agents;

RESET ROLE;
