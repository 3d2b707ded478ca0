-- Seals of the audit log, and its retention.
--
-- A seal is a digest over entries, chained to the seal before it. It names its entries one by one, so an entry that
-- commits late simply comes into the next seal, and nobody waits for anybody. What only the owner of the tables or a
-- superuser can do (switch triggers off, rewrite entries) shows in kolony.verify_audit; who rewrites the seals as well
-- shows against a copy of the seals that was taken before (kolony audit seals --json).

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.audit_seals (
    workspace_id uuid NOT NULL,
    number       integer NOT NULL CHECK (number > 0),
    month        date NOT NULL,
    entry_count  integer NOT NULL CHECK (entry_count > 0),
    from_entry   bigint NOT NULL,
    to_entry     bigint NOT NULL,
    from_at      timestamptz NOT NULL,
    to_at        timestamptz NOT NULL,
    closed_to    bigint NOT NULL,
    entries      bigint[] NOT NULL,
    marks        bytea NOT NULL,
    rows_digest  bytea NOT NULL CHECK (length(rows_digest) = 32),
    previous     bytea NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    sealed_at    timestamptz NOT NULL,
    sealed_by    text NOT NULL,
    removed_at   timestamptz,
    PRIMARY KEY (workspace_id, number)
);
COMMENT ON COLUMN kolony.audit_seals.closed_to IS
    'no entry up to this number can still come: whoever might have written one has ended, and it is sealed';
COMMENT ON COLUMN kolony.audit_seals.marks IS 'the first 8 bytes of each entry''s digest, to name the one that differs';
COMMENT ON COLUMN kolony.audit_seals.removed_at IS 'when retention removed the entries; the seal stays in the chain';
ALTER TABLE kolony.audit_seals ALTER COLUMN marks SET STORAGE EXTERNAL;

SELECT kolony.protect('kolony.audit_seals');
REVOKE UPDATE, DELETE ON kolony.audit_seals FROM kolony_api;
CREATE POLICY retention ON kolony.audit_seals TO kolony_owner USING (true) WITH CHECK (removed_at IS NOT NULL);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON kolony.audit_seals
    FOR EACH ROW EXECUTE FUNCTION kolony.refuse_change('UPDATE');
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON kolony.audit_seals EXECUTE FUNCTION kolony.refuse_change();
CREATE POLICY reader ON kolony.audit_seals FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.audited_workspace_ids())::uuid[]));
COMMENT ON POLICY reader ON kolony.audit_seals IS 'admin: see the seals of the audit log';
GRANT SELECT ON kolony.audit_seals TO kolony_user;

SET LOCAL ROLE kolony_api;

-- An entry's content as one text that no setting of the session changes, and its SHA-256.
CREATE FUNCTION kolony.entry_digest(entry kolony.audit_log) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_build_array(entry.workspace_id, entry.entry_id, extract(epoch FROM entry.at),
        entry.event, entry.login, entry.profile_id, entry.client_address, entry.application, entry.agent_id,
        entry.command_id, entry.run_id, entry.subject, entry.details)::text, 'UTF8'))
$$;

CREATE FUNCTION kolony.seal_digest(seal kolony.audit_seals) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_build_array(seal.workspace_id, seal.number, seal.month, seal.entry_count,
        seal.from_entry, seal.to_entry, extract(epoch FROM seal.from_at), extract(epoch FROM seal.to_at),
        seal.closed_to, encode(seal.rows_digest, 'hex'), encode(seal.previous, 'hex'),
        extract(epoch FROM seal.sealed_at), seal.sealed_by)::text, 'UTF8'))
$$;

-- Seals what is visible and in no seal yet, a seal for each month, and answers how many entries that were. The caller
-- holds the workspace's row. A log that has only grown by the entry about its last seal is left alone.
CREATE FUNCTION kolony.seal_entries(home uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last kolony.audit_seals;
    seal kolony.audit_seals;
    oldest_open bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    closed bigint;
    part record;
    sealed integer := 0;
BEGIN
    SELECT * INTO last FROM kolony.audit_seals s WHERE s.workspace_id = home ORDER BY s.number DESC LIMIT 1;
    IF NOT EXISTS (SELECT FROM kolony.audit_log l WHERE l.workspace_id = home AND l.event <> 'AUDIT_SEALED'
                   AND l.entry_id > coalesce((SELECT max(s.to_entry) FROM kolony.audit_seals s
                                              WHERE s.workspace_id = home AND s.number > last.number - 50), 0))
    THEN
        RETURN 0;
    END IF;
    -- A seal's row got its transaction id (of a subtransaction, below) after its entries were read. Once every open
    -- transaction is younger than that, no number up to that seal's last can still come. Modulo 2^32, as xmin counts.
    SELECT greatest(coalesce(last.closed_to, 0), coalesce(max(s.to_entry), 0)) INTO closed FROM kolony.audit_seals s
    WHERE s.workspace_id = home AND s.number > last.number - 50
      AND ((oldest_open - s.xmin::text::bigint) & 4294967295) BETWEEN 1 AND 2147483647;
    FOR part IN
        WITH already AS (
            SELECT unnest(s.entries) AS entry_id FROM kolony.audit_seals s
            WHERE s.workspace_id = home AND s.to_entry > coalesce(last.closed_to, 0)),
        fresh AS (
            SELECT l.entry_id, l.at, date_trunc('month', l.at AT TIME ZONE 'UTC')::date AS month,
                   kolony.entry_digest(l) AS digest
            FROM kolony.audit_log l
            WHERE l.workspace_id = home AND l.entry_id > coalesce(last.closed_to, 0)
              AND NOT EXISTS (SELECT FROM already a WHERE a.entry_id = l.entry_id))
        SELECT f.month, count(*)::integer AS entry_count, min(f.entry_id) AS from_entry, max(f.entry_id) AS to_entry,
               min(f.at) AS from_at, max(f.at) AS to_at, array_agg(f.entry_id ORDER BY f.entry_id) AS entries,
               sha256(string_agg(f.digest, '' ORDER BY f.entry_id)) AS rows_digest,
               string_agg(substring(f.digest FROM 1 FOR 8), '' ORDER BY f.entry_id) AS marks
        FROM fresh f GROUP BY f.month ORDER BY f.month
    LOOP
        seal := ROW(home, coalesce(last.number, 0) + 1, part.month, part.entry_count, part.from_entry, part.to_entry,
            part.from_at, part.to_at, closed, part.entries, part.marks, part.rows_digest,
            coalesce(last.digest, ''), NULL, clock_timestamp(), session_user, NULL);
        seal.digest := kolony.seal_digest(seal);
        BEGIN
            INSERT INTO kolony.audit_seals SELECT seal.*;
        EXCEPTION WHEN unique_violation THEN
            RETURN sealed; -- somebody else sealed meanwhile
        END;
        last := seal;
        sealed := sealed + part.entry_count;
    END LOOP;
    PERFORM kolony.record_audit(home, 'AUDIT_SEALED', 'seal ' || last.number, jsonb_build_object('entries', sealed));
    RETURN sealed;
END
$$;

-- Seals a workspace's log when its last seal is an hour old; for upkeep, whoever's session that runs in.
CREATE FUNCTION kolony.seal_audit(home uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = home FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND OR EXISTS (SELECT FROM kolony.audit_seals s
                            WHERE s.workspace_id = home AND s.sealed_at > clock_timestamp() - interval '1 hour')
    THEN
        RETURN 0;
    END IF;
    RETURN kolony.seal_entries(home);
END
$$;

CREATE FUNCTION kolony.seal_audit_now(in_workspace uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR NO KEY UPDATE;
    RETURN kolony.seal_entries(in_workspace);
END
$$;

-- The first entry of a seal that is not as it was sealed. STABLE, as kolony.verify_audit: one snapshot for all of it.
CREATE FUNCTION kolony.first_difference(seal kolony.audit_seals, OUT at_entry bigint, OUT difference text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT e.entry_id, CASE WHEN l.entry_id IS NULL THEN 'the entry is gone' ELSE 'the entry was changed' END
    INTO at_entry, difference
    FROM unnest(seal.entries) WITH ORDINALITY AS e (entry_id, place)
    LEFT JOIN kolony.audit_log l ON l.workspace_id = seal.workspace_id AND l.entry_id = e.entry_id
    WHERE l.entry_id IS NULL
       OR substring(kolony.entry_digest(l) FROM 1 FOR 8)
          <> substring(seal.marks FROM (e.place::integer - 1) * 8 + 1 FOR 8)
    ORDER BY e.entry_id LIMIT 1;
    difference := coalesce(difference, 'the seal was changed');
END
$$;

-- Computes every seal again and names the first difference. What no seal covers yet is counted, not vouched for.
CREATE FUNCTION kolony.verify_audit(in_workspace uuid, OUT ok boolean, OUT seals integer, OUT sealed bigint,
    OUT removed bigint, OUT unsealed bigint, OUT at_seal integer, OUT at_entry bigint, OUT difference text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seal kolony.audit_seals;
    last kolony.audit_seals;
    found_count bigint;
    found_digest bytea;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    SELECT count(*), coalesce(sum(s.entry_count) FILTER (WHERE s.removed_at IS NULL), 0),
           coalesce(sum(s.entry_count) FILTER (WHERE s.removed_at IS NOT NULL), 0), true
    INTO seals, sealed, removed, ok FROM kolony.audit_seals s WHERE s.workspace_id = in_workspace;
    FOR seal IN SELECT * FROM kolony.audit_seals s WHERE s.workspace_id = in_workspace ORDER BY s.number LOOP
        IF seal.number <> coalesce(last.number, 0) + 1 THEN
            at_seal := coalesce(last.number, 0) + 1;
            difference := 'the seal is gone';
        ELSIF seal.previous <> coalesce(last.digest, '') OR seal.digest <> kolony.seal_digest(seal)
              OR seal.removed_at < seal.to_at + interval '30 days'
        THEN
            at_seal := seal.number;
            difference := 'the seal was changed';
        ELSIF seal.removed_at IS NULL THEN
            SELECT count(*), sha256(coalesce(string_agg(kolony.entry_digest(l), '' ORDER BY l.entry_id), ''))
            INTO found_count, found_digest
            FROM unnest(seal.entries) e JOIN kolony.audit_log l ON l.entry_id = e
            WHERE l.workspace_id = in_workspace AND l.at BETWEEN seal.from_at AND seal.to_at;
            IF found_count <> seal.entry_count OR found_digest <> seal.rows_digest THEN
                at_seal := seal.number;
                SELECT f.at_entry, f.difference INTO at_entry, difference FROM kolony.first_difference(seal) f;
            END IF;
        END IF;
        EXIT WHEN difference IS NOT NULL;
        last := seal;
    END LOOP;
    -- In no seal: written since the last one, or put in where none can come any more.
    WITH known AS MATERIALIZED (
        SELECT unnest(s.entries) AS entry_id, s.from_at, s.to_at FROM kolony.audit_seals s
        WHERE s.workspace_id = in_workspace),
    outside AS (
        SELECT l.entry_id,
               l.entry_id <= coalesce(last.closed_to, 0) OR l.entry_id IN (SELECT k.entry_id FROM known k) AS put_in
        FROM kolony.audit_log l
        WHERE l.workspace_id = in_workspace AND NOT EXISTS (
            SELECT FROM known k WHERE k.entry_id = l.entry_id AND l.at BETWEEN k.from_at AND k.to_at))
    SELECT count(*) FILTER (WHERE NOT o.put_in),
           coalesce(at_entry, min(o.entry_id) FILTER (WHERE o.put_in AND difference IS NULL)),
           coalesce(difference, CASE WHEN bool_or(o.put_in) THEN 'the entry was put in' END)
    INTO unsealed, at_entry, difference FROM outside o;
    ok := difference IS NULL;
END
$$;

COMMENT ON FUNCTION kolony.seal_audit_now(uuid) IS 'admin: seal the audit log';
COMMENT ON FUNCTION kolony.verify_audit(uuid) IS 'admin: verify the audit log against its seals';
GRANT EXECUTE ON FUNCTION kolony.seal_audit_now(uuid), kolony.verify_audit(uuid) TO kolony_user;

SET LOCAL ROLE kolony_owner;

-- Retention's two hands. Nothing younger than 30 days goes, whatever is asked. The seals stay.
CREATE FUNCTION kolony.remove_sealed_entries(home uuid, the_seal integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seal kolony.audit_seals;
    gone bigint;
BEGIN
    SELECT * INTO seal FROM kolony.audit_seals s
    WHERE s.workspace_id = home AND s.number = the_seal AND s.removed_at IS NULL FOR UPDATE;
    IF seal.to_at IS NULL OR seal.to_at > now() - interval '30 days' THEN
        RETURN 0;
    END IF;
    DELETE FROM kolony.audit_log l WHERE l.workspace_id = home AND l.entry_id = ANY (seal.entries)
        AND l.at BETWEEN seal.from_at AND seal.to_at;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE kolony.audit_seals s SET removed_at = now(), entries = '{}', marks = ''
    WHERE s.workspace_id = home AND s.number = the_seal;
    RETURN gone;
END
$$;

-- Drops a month, unless something in it is not sealed. Waits a second at most: while it waits, every writer does.
CREATE FUNCTION kolony.remove_audit_month(of_month date) RETURNS TABLE (workspace_id uuid, entries bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' SET lock_timeout = '1s' AS $$
#variable_conflict use_column
DECLARE
    month_end timestamptz := (of_month + interval '1 month')::timestamptz;
BEGIN
    IF month_end > now() - interval '30 days' THEN
        RETURN;
    END IF;
    LOCK TABLE kolony.audit_log IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM kolony.audit_log l WHERE l.at >= of_month::timestamptz AND l.at < month_end AND NOT EXISTS (
        SELECT FROM (SELECT s.workspace_id, unnest(s.entries) AS entry_id FROM kolony.audit_seals s
                     WHERE s.month = of_month) k
        WHERE k.workspace_id = l.workspace_id AND k.entry_id = l.entry_id))
    THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH kept AS (
        UPDATE kolony.audit_seals s SET removed_at = now(), entries = '{}', marks = ''
        WHERE s.month = of_month AND s.removed_at IS NULL RETURNING s.workspace_id, s.entry_count)
    SELECT k.workspace_id, sum(k.entry_count)::bigint FROM kept k GROUP BY k.workspace_id;
    EXECUTE format('DROP TABLE kolony.%I', 'audit_log_' || to_char(of_month, 'YYYY_MM'));
END
$$;
GRANT EXECUTE ON FUNCTION kolony.remove_sealed_entries(uuid, integer), kolony.remove_audit_month(date) TO kolony_api;

SET LOCAL ROLE kolony_api;

-- Removes what no workspace keeps any longer (a whole month) or its own does not (by seals), and writes down how much.
-- For upkeep, whoever's session that runs in.
CREATE FUNCTION kolony.retain_audit() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    longest integer := (SELECT max(w.audit_days) FROM kolony.workspaces w);
    part date;
    gone record;
    counts jsonb := '{}';
    months integer := 0;
BEGIN
    PERFORM kolony.ensure_audit_partition((now() + interval '1 month')::date);
    FOR part IN
        SELECT to_date("right"(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'kolony.audit_log'::regclass
          AND to_date("right"(c.relname, 7), 'YYYY_MM') + interval '1 month' <= now() - make_interval(days => longest)
        ORDER BY 1
    LOOP
        BEGIN
            FOR gone IN SELECT * FROM kolony.remove_audit_month(part) LOOP
                counts := counts || jsonb_build_object(gone.workspace_id,
                    coalesce((counts ->> gone.workspace_id::text)::bigint, 0) + gone.entries);
            END LOOP;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- somebody reads for long, a backup perhaps: next time
        END;
        months := months + (to_regclass('kolony.audit_log_' || to_char(part, 'YYYY_MM')) IS NULL)::integer;
    END LOOP;
    FOR gone IN
        SELECT s.workspace_id, kolony.remove_sealed_entries(s.workspace_id, s.number) AS entries
        FROM kolony.audit_seals s JOIN kolony.workspaces w USING (workspace_id)
        WHERE s.removed_at IS NULL AND s.to_at < now() - make_interval(days => w.audit_days)
        ORDER BY s.workspace_id, s.number LIMIT 5000
    LOOP
        counts := counts || jsonb_build_object(gone.workspace_id,
            coalesce((counts ->> gone.workspace_id::text)::bigint, 0) + gone.entries);
    END LOOP;
    PERFORM kolony.record_audit(c.key::uuid, 'AUDIT_RETAINED', NULL, jsonb_build_object('entries', c.value))
    FROM jsonb_each(counts) c;
    RETURN jsonb_build_object('months', months,
        'entries', (SELECT coalesce(sum(c.value::bigint), 0) FROM jsonb_each_text(counts) c));
END
$$;

RESET ROLE;
