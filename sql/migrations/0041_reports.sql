-- Reports: what an investigation found, as sections, findings and recommendations that can be read and searched.
--
-- One of a run; it is written again while the run goes on (in_progress) and once more at its end. Lock order: a report
-- comes after the attempt.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.reports (
    workspace_id    uuid NOT NULL,
    report_id       uuid NOT NULL DEFAULT kolony.new_id(),
    run_id          uuid NOT NULL,
    attempt_id      uuid NOT NULL,
    title           text NOT NULL CHECK (title ~ '\S' AND length(title) <= 300),
    summary         text NOT NULL,
    status          text NOT NULL CHECK (status IN ('draft', 'in_progress', 'complete')),
    source          text NOT NULL CHECK (source IN ('report.json', 'answer')),
    sections        jsonb NOT NULL CHECK (jsonb_typeof(sections) = 'array'),
    recommendations jsonb NOT NULL CHECK (jsonb_typeof(recommendations) = 'array'),
    attachments     text[] NOT NULL,
    body            text NOT NULL,
    words           tsvector GENERATED ALWAYS AS (setweight(to_tsvector('pg_catalog.english', title), 'A')
                        || setweight(to_tsvector('pg_catalog.english', body), 'B')) STORED,
    digest          bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    completed_at    timestamptz,
    status_by       uuid REFERENCES kolony.profiles,
    PRIMARY KEY (workspace_id, report_id),
    CONSTRAINT one_of_a_run UNIQUE (workspace_id, run_id),
    FOREIGN KEY (workspace_id, run_id) REFERENCES kolony.runs,
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts,
    CONSTRAINT completed_or_not CHECK ((status = 'complete') = (completed_at IS NOT NULL))
);
COMMENT ON COLUMN kolony.reports.body IS 'all of its text but the title, cut to what an index takes';
COMMENT ON COLUMN kolony.reports.status_by IS 'who set its status; null: its agent';
CREATE INDEX reports_by_attempt ON kolony.reports (workspace_id, attempt_id);
CREATE INDEX reports_by_judge ON kolony.reports (status_by) WHERE status_by IS NOT NULL;
CREATE INDEX reports_by_words ON kolony.reports USING gin (words) WITH (fastupdate = off);

CREATE TABLE kolony.report_findings (
    workspace_id uuid NOT NULL,
    report_id    uuid NOT NULL,
    place        integer NOT NULL CHECK (place > 0),
    severity     text NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low', 'info')),
    title        text NOT NULL,
    detail       text NOT NULL,
    evidence     text NOT NULL,
    file         text,
    line         integer CHECK (line > 0),
    PRIMARY KEY (workspace_id, report_id, place),
    FOREIGN KEY (workspace_id, report_id) REFERENCES kolony.reports ON DELETE CASCADE
);

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.reports', 'kolony.report_findings']::regclass[]) t;
CREATE POLICY member ON kolony.reports FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.report_findings FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
GRANT SELECT ON kolony.reports, kolony.report_findings TO kolony_user;

-- What a person sees of them. One that was being written when its run ended is a draft.
CREATE VIEW kolony.report_overview WITH (security_invoker = true) AS
SELECT p.workspace_id, p.report_id, p.run_id, c.command_id, c.number AS command_number, r.ordinal,
       cardinality(c.targets) AS target_count, r.agent_id, a.name AS agent, p.title, p.summary,
       CASE WHEN p.status = 'in_progress' AND r.outcome IS NOT NULL THEN 'draft' ELSE p.status END AS status,
       p.source, f.finding_count, f.critical, f.high, f.medium, f.low, f.info, p.created_at, p.updated_at, p.completed_at,
       w.login AS status_by_login
FROM kolony.reports p
JOIN kolony.runs r ON r.workspace_id = p.workspace_id AND r.run_id = p.run_id
JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
JOIN kolony.agents a ON a.workspace_id = r.workspace_id AND a.agent_id = r.agent_id
LEFT JOIN kolony.profiles w ON w.profile_id = p.status_by
CROSS JOIN LATERAL (
    SELECT count(*) AS finding_count, count(*) FILTER (WHERE o.severity = 'critical') AS critical,
           count(*) FILTER (WHERE o.severity = 'high') AS high, count(*) FILTER (WHERE o.severity = 'medium') AS medium,
           count(*) FILTER (WHERE o.severity = 'low') AS low, count(*) FILTER (WHERE o.severity = 'info') AS info
    FROM kolony.report_findings o WHERE o.workspace_id = p.workspace_id AND o.report_id = p.report_id) f;
GRANT SELECT ON kolony.report_overview TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

-- The first of these keys of an object that says something, as text; '' where none does. Refuses what is no text.
CREATE FUNCTION kolony.report_text(of_object jsonb, place text, keys text[], most integer, needed boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    prefix CONSTANT text := CASE WHEN place = '' THEN '' ELSE place || '.' END;
    one text;
    found text := '';
BEGIN
    FOREACH one IN ARRAY keys LOOP
        CONTINUE WHEN coalesce(of_object -> one, 'null') = 'null';
        IF jsonb_typeof(of_object -> one) <> 'string' THEN
            RAISE EXCEPTION '% is %, not a text', prefix || one, jsonb_typeof(of_object -> one) USING ERRCODE = '22023';
        END IF;
        IF length(of_object ->> one) > most THEN
            RAISE EXCEPTION '% has % characters; at most % are taken', prefix || one, length(of_object ->> one), most
                USING ERRCODE = '22023';
        END IF;
        found := CASE WHEN found !~ '\S' THEN of_object ->> one ELSE found END;
    END LOOP;
    IF needed AND found !~ '\S' THEN
        RAISE EXCEPTION '% is missing', prefix || keys[1] USING ERRCODE = '22023';
    END IF;
    RETURN found;
END
$$;

-- A list of a report, empty where there is none. Refuses what is no list, or too long a one.
CREATE FUNCTION kolony.report_list(document jsonb, key text, most integer) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found CONSTANT jsonb := CASE WHEN coalesce(document -> key, 'null') = 'null' THEN '[]' ELSE document -> key END;
BEGIN
    IF jsonb_typeof(found) <> 'array' THEN
        RAISE EXCEPTION '% is %, not a list', key, jsonb_typeof(found) USING ERRCODE = '22023';
    END IF;
    IF jsonb_array_length(found) > most THEN
        RAISE EXCEPTION '% has % items; at most % are taken', key, jsonb_array_length(found), most
            USING ERRCODE = '22023';
    END IF;
    RETURN found;
END
$$;

CREATE FUNCTION kolony.checked_section(one jsonb, place text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(one) <> 'object' THEN
        RAISE EXCEPTION '% is %, not an object', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    RETURN jsonb_build_object(
        'title', kolony.report_text(one, place, '{title,heading}', 500, true),
        'body', kolony.report_text(one, place, '{body,content,text}', 1000000, false));
END
$$;

-- Evidence may be a text, a list of texts, or whatever else JSON can say.
CREATE FUNCTION kolony.checked_finding(one jsonb, place text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    severity text;
    title text;
    detail text;
    line CONSTANT jsonb := coalesce(one -> 'line', 'null');
    evidence CONSTANT jsonb := coalesce(one -> 'evidence', 'null');
BEGIN
    IF jsonb_typeof(one) <> 'object' THEN
        RAISE EXCEPTION '% is %, not an object', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    severity := lower(kolony.report_text(one, place, '{severity}', 100, true));
    IF severity NOT IN ('critical', 'high', 'medium', 'low', 'info') THEN
        RAISE EXCEPTION '%.severity is "%"; it has to be critical, high, medium, low or info', place, severity
            USING ERRCODE = '22023';
    END IF;
    detail := kolony.report_text(one, place, '{detail,description}', 100000, false);
    title := kolony.report_text(one, place, '{title,name}', 500, detail !~ '\S');
    IF jsonb_typeof(line) NOT IN ('null', 'number', 'string') OR line <> 'null' AND one ->> 'line' !~ '^[1-9][0-9]{0,8}$'
    THEN
        RAISE EXCEPTION '%.line is %; lines are counted from 1', place, "left"(line::text, 40) USING ERRCODE = '22023';
    END IF;
    IF octet_length(evidence::text) > 1000000 THEN
        RAISE EXCEPTION '%.evidence has % bytes; at most 1000000 are taken', place, octet_length(evidence::text)
            USING ERRCODE = '22023';
    END IF;
    RETURN jsonb_build_object(
        'severity', severity, 'title', CASE WHEN title ~ '\S' THEN title
            ELSE "left"(split_part(ltrim(detail, E' \t\r\n'), E'\n', 1), 200) END, 'detail', detail,
        'evidence', CASE
            WHEN evidence = 'null' THEN ''
            WHEN jsonb_typeof(evidence) = 'string' THEN evidence #>> '{}'
            WHEN jsonb_typeof(evidence) = 'array' AND NOT EXISTS (
                SELECT FROM jsonb_array_elements(evidence) e WHERE jsonb_typeof(e) <> 'string') THEN
                coalesce((SELECT string_agg(e, E'\n' ORDER BY n)
                          FROM jsonb_array_elements_text(evidence) WITH ORDINALITY AS t (e, n)), '')
            ELSE jsonb_pretty(evidence) END,
        'file', nullif(kolony.report_text(one, place, '{file,path,location}', 4096, false), ''),
        'line', CASE WHEN line <> 'null' THEN (one ->> 'line')::integer END);
END
$$;

CREATE FUNCTION kolony.checked_recommendation(one jsonb, place text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given CONSTANT jsonb := CASE WHEN jsonb_typeof(one) = 'string' THEN jsonb_build_object('title', one) ELSE one END;
BEGIN
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE EXCEPTION '% is %, neither a text nor an object', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    RETURN jsonb_build_object(
        'title', kolony.report_text(given, place, '{title,action,text}', 10000, true),
        'detail', kolony.report_text(given, place, '{detail,rationale,description}', 100000, false),
        'priority', kolony.report_text(given, place, '{priority}', 100, false));
END
$$;

-- The name of something that the report goes with: an artifact of its run.
CREATE FUNCTION kolony.checked_attachment(one jsonb, place text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given CONSTANT jsonb := CASE WHEN jsonb_typeof(one) = 'string' THEN jsonb_build_object('name', one) ELSE one END;
BEGIN
    IF jsonb_typeof(given) <> 'object' THEN
        RAISE EXCEPTION '% is %, no name', place, jsonb_typeof(one) USING ERRCODE = '22023';
    END IF;
    RETURN to_jsonb(regexp_replace(kolony.report_text(given, place, '{name,path,file}', 1024, true),
        '^(\./)?(artifacts/)?', ''));
END
$$;

-- A report as it is kept, out of what an agent wrote; what a report has no place for is left out. Refuses what does not
-- fit, in words that name the place, counted from 0 as in "findings[2].severity".
CREATE FUNCTION kolony.checked_report(document jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept jsonb;
BEGIN
    IF document IS NULL OR jsonb_typeof(document) <> 'object' THEN
        RAISE EXCEPTION 'it is %, not an object', coalesce(jsonb_typeof(document), 'nothing') USING ERRCODE = '22023';
    END IF;
    kept := jsonb_build_object(
        'sections', (SELECT coalesce(jsonb_agg(kolony.checked_section(e, format('sections[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'sections', 500)) WITH ORDINALITY t (e, n)),
        'findings', (SELECT coalesce(jsonb_agg(kolony.checked_finding(e, format('findings[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'findings', 1000)) WITH ORDINALITY t (e, n)),
        'recommendations', (SELECT coalesce(jsonb_agg(
                kolony.checked_recommendation(e, format('recommendations[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'recommendations', 500)) WITH ORDINALITY t (e, n)),
        'attachments', (SELECT coalesce(jsonb_agg(
                kolony.checked_attachment(e, format('attachments[%s]', n - 1)) ORDER BY n), '[]')
            FROM jsonb_array_elements(kolony.report_list(document, 'attachments', 500)) WITH ORDINALITY t (e, n)));
    kept := kept || jsonb_build_object(
        'title', kolony.report_text(document, '', '{title}', 300, false),
        'summary', kolony.report_text(document, '', '{summary}', 200000, false),
        'status', lower(kolony.report_text(document, '', '{status}', 100, false)));
    IF kept ->> 'status' NOT IN ('', 'draft', 'in_progress', 'complete') THEN
        RAISE EXCEPTION 'status is "%"; it has to be draft, in_progress or complete', kept ->> 'status'
            USING ERRCODE = '22023';
    END IF;
    IF concat(kept ->> 'title', kept ->> 'summary') !~ '\S' AND kept -> 'sections' = '[]' AND kept -> 'findings' = '[]'
       AND kept -> 'recommendations' = '[]'
    THEN
        RAISE EXCEPTION 'it has neither title nor summary, sections, findings or recommendations'
            USING ERRCODE = '22023';
    END IF;
    RETURN kept;
END
$$;

-- All the text of a checked report, for its index.
CREATE FUNCTION kolony.report_body(kept jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT "left"(concat_ws(E'\n', kept ->> 'summary',
        (SELECT string_agg(concat_ws(E'\n', f ->> 'title', f ->> 'detail', f ->> 'evidence',
                    replace(f ->> 'file', '/', ' ')), E'\n')
         FROM jsonb_array_elements(kept -> 'findings') f),
        (SELECT string_agg(concat_ws(E'\n', s ->> 'title', s ->> 'body'), E'\n')
         FROM jsonb_array_elements(kept -> 'sections') s),
        (SELECT string_agg(concat_ws(E'\n', r ->> 'title', r ->> 'detail'), E'\n')
         FROM jsonb_array_elements(kept -> 'recommendations') r)), 150000)
$$;

-- Keeps the report of an attempt's run in the place of what was there. new_status: 'in_progress' while it goes on, then
-- 'complete', for which a report may say "draft" itself, or 'draft'. Saying the same again changes nothing. Answers
-- with its id.
CREATE FUNCTION kolony.put_report(the_attempt uuid, document jsonb, new_status text, new_source text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    home CONSTANT uuid := held.workspace_id;
    kept CONSTANT jsonb := kolony.checked_report(document);
    became CONSTANT text := CASE WHEN new_status = 'complete' AND kept ->> 'status' IN ('draft', 'in_progress')
                                 THEN 'draft' ELSE new_status END;
    its_digest CONSTANT bytea := sha256(convert_to(concat_ws(' ', the_attempt, became, new_source, kept), 'UTF8'));
    its_title text := nullif(btrim(kept ->> 'title', E' \t\r\n'), '');
    report uuid;
BEGIN
    IF new_status IS NULL OR new_status NOT IN ('draft', 'in_progress', 'complete')
       OR new_source IS NULL OR new_source NOT IN ('report.json', 'answer')
    THEN
        RAISE EXCEPTION 'a report is draft, in_progress or complete, from report.json or answer'
            USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.runs r WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE;
    held := kolony.my_lease(the_attempt);
    SELECT p.report_id INTO report FROM kolony.reports p
    WHERE p.workspace_id = home AND p.run_id = held.run_id AND p.digest = its_digest;
    IF FOUND THEN
        RETURN report;
    END IF;
    IF its_title IS NULL THEN
        SELECT "left"(btrim(split_part(c.title, E'\n', 1), E' \t\r'), 200) INTO its_title FROM kolony.commands c
        JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
        WHERE r.workspace_id = home AND r.run_id = held.run_id;
    END IF;
    INSERT INTO kolony.reports AS p (workspace_id, run_id, attempt_id, title, summary, status, source, sections,
        recommendations, attachments, body, digest, completed_at)
    VALUES (home, held.run_id, the_attempt, coalesce(nullif(its_title, ''), 'Report'), kept ->> 'summary', became,
        new_source, kept -> 'sections', kept -> 'recommendations',
        ARRAY(SELECT a FROM jsonb_array_elements_text(kept -> 'attachments') a), kolony.report_body(kept), its_digest,
        CASE WHEN became = 'complete' THEN now() END)
    ON CONFLICT (workspace_id, run_id) DO UPDATE SET attempt_id = excluded.attempt_id, title = excluded.title,
        summary = excluded.summary, status = excluded.status, source = excluded.source, sections = excluded.sections,
        recommendations = excluded.recommendations, attachments = excluded.attachments, body = excluded.body,
        digest = excluded.digest, updated_at = now(), completed_at = excluded.completed_at, status_by = NULL
    RETURNING p.report_id INTO report;
    DELETE FROM kolony.report_findings f WHERE f.workspace_id = home AND f.report_id = report;
    INSERT INTO kolony.report_findings (workspace_id, report_id, place, severity, title, detail, evidence, file, line)
    SELECT home, report, n, f ->> 'severity', f ->> 'title', f ->> 'detail', f ->> 'evidence', f ->> 'file',
           (f ->> 'line')::integer
    FROM jsonb_array_elements(kept -> 'findings') WITH ORDINALITY AS t (f, n);
    PERFORM kolony.hint(home, 'report:' || report);
    RETURN report;
END
$$;

-- A person's word on a report of a run that has ended: draft or complete.
CREATE FUNCTION kolony.set_report_status(the_report uuid, new_status text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    report kolony.reports;
    run kolony.runs;
BEGIN
    SELECT p.* INTO report FROM kolony.reports p
    WHERE p.report_id = the_report AND p.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such report here' USING ERRCODE = 'P0002', HINT = 'see kolony report list';
    END IF;
    PERFORM kolony.require_role(report.workspace_id, 'operator');
    IF new_status IS NULL OR new_status NOT IN ('draft', 'complete') THEN
        RAISE EXCEPTION 'a person can make a report draft or complete, not %', coalesce("left"(new_status, 40), 'nothing')
            USING ERRCODE = '22023';
    END IF;
    SELECT r.* INTO STRICT run FROM kolony.runs r
    WHERE r.workspace_id = report.workspace_id AND r.run_id = report.run_id FOR NO KEY UPDATE;
    IF run.outcome IS NULL THEN
        RAISE EXCEPTION 'its run still writes it' USING ERRCODE = '55000', HINT = 'wait until the run has ended';
    END IF;
    UPDATE kolony.reports p SET status = new_status, status_by = kolony.my_profile_id(), updated_at = now(),
        completed_at = CASE WHEN new_status = 'complete' THEN now() END
    WHERE p.workspace_id = report.workspace_id AND p.report_id = the_report AND p.status <> new_status
    RETURNING p.* INTO report;
    IF FOUND THEN
        PERFORM kolony.record_audit(report.workspace_id, 'REPORT_STATUS_CHANGED', report.title,
            jsonb_build_object('status', new_status), run.agent_id, run.command_id, run.run_id);
        PERFORM kolony.hint(report.workspace_id, 'report:' || the_report);
    END IF;
END
$$;

-- The reports in which these words stand, the best first, each with where: words, "a phrase", or, -without.
CREATE FUNCTION kolony.search_reports(in_workspace uuid, what text, at_most integer DEFAULT 200)
RETURNS TABLE (report_id uuid, excerpt text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked CONSTANT tsquery := websearch_to_tsquery('pg_catalog.english', "left"(coalesce(what, ''), 1000));
BEGIN
    PERFORM kolony.require_role(in_workspace, 'viewer');
    RETURN QUERY
    SELECT found.report_id, ts_headline('pg_catalog.english', concat_ws(E'\n', found.title, found.body), asked,
        'StartSel=«, StopSel=», MaxFragments=2, MaxWords=18, MinWords=5, FragmentDelimiter=" … "')
    FROM (SELECT p.report_id, p.title, p.body, ts_rank(p.words, asked) AS rank FROM kolony.reports p
          WHERE p.workspace_id = in_workspace AND p.words @@ asked
          ORDER BY rank DESC, p.report_id DESC LIMIT least(greatest(at_most, 1), 1000)) found
    ORDER BY found.rank DESC, found.report_id DESC;
END
$$;

-- As in 0017, and says to an investigation how a report is left.
CREATE OR REPLACE FUNCTION kolony.kind_words(kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE kind
        WHEN 'investigate' THEN
            'This is an investigation. Find out what the command asks, change nothing, and say what you found: each '
            'finding with the evidence for it, then what you recommend. Write it to the file report.json in the folder '
            'that KOLONY_RUN_DIR names (write report.json.tmp, then rename it; you may do so again while you work): '
            '{"title": text, "summary": text, "sections": [{"title": text, "body": text}], "findings": [{"severity": '
            '"critical", "high", "medium", "low" or "info", "title": text, "detail": text, "evidence": text, "file": '
            'text, "line": number}], "recommendations": [{"title": text, "detail": text}], "attachments": [names of '
            'files that you left in the folder artifacts there]}. Where you cannot write files, answer in Markdown: a '
            'title, a summary, and sections, one of them named Findings and one Recommendations.'
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

COMMENT ON FUNCTION kolony.set_report_status(uuid, text) IS 'operator: say whether a report is a draft or complete';
COMMENT ON FUNCTION kolony.search_reports(uuid, text, integer) IS 'viewer: search the reports of a workspace';
GRANT EXECUTE ON FUNCTION kolony.set_report_status(uuid, text), kolony.search_reports(uuid, text, integer)
    TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.put_report(uuid, jsonb, text, text) TO kolony_agents;

RESET ROLE;
