-- What agents say they have used, in one normal form: every report, what each one adds, sums by attempt and by day; and
-- the price list by which money is estimated where an agent names none.

SET LOCAL ROLE kolony_owner;

ALTER TABLE kolony.workspaces ADD COLUMN time_zone text NOT NULL DEFAULT 'UTC'
    CONSTRAINT time_zone_has_a_length CHECK (length(time_zone) BETWEEN 1 AND 100);
COMMENT ON COLUMN kolony.workspaces.time_zone IS 'whose days, weeks and months usage and budgets are counted by';

-- The figures are what the report adds to what was known before; said is the report itself, raw as the agent wrote it.
CREATE TABLE kolony.usage_reports (
    workspace_id  uuid NOT NULL,
    attempt_id    uuid NOT NULL,
    number        integer NOT NULL CHECK (number >= 0),
    run_id        uuid NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    day           date NOT NULL,
    model         text NOT NULL CHECK (length(model) <= 200),
    source        text NOT NULL CHECK (length(source) <= 100),
    scope         text NOT NULL CHECK (scope IN ('call', 'turn', 'session')),
    input_fresh   bigint NOT NULL,
    input_cached  bigint NOT NULL,
    cache_write   bigint NOT NULL,
    output        bigint NOT NULL,
    reasoning     bigint NOT NULL,
    calls         bigint NOT NULL,
    cost_usd      numeric NOT NULL,
    estimated_usd numeric NOT NULL,
    said          jsonb NOT NULL,
    raw           jsonb,
    PRIMARY KEY (workspace_id, attempt_id, number),
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts
);
COMMENT ON COLUMN kolony.usage_reports.cost_usd IS 'below zero where an agent''s own sum is less than what was estimated';
COMMENT ON COLUMN kolony.usage_reports.estimated_usd IS 'the part of cost_usd that is by the price list';
CREATE INDEX usage_reports_by_run ON kolony.usage_reports (workspace_id, run_id);

CREATE TABLE kolony.attempt_usage (
    workspace_id  uuid NOT NULL,
    attempt_id    uuid NOT NULL,
    run_id        uuid NOT NULL,
    command_id    uuid NOT NULL,
    agent_id      uuid NOT NULL,
    profile_id    uuid NOT NULL,
    preset_id     uuid,
    reports       integer NOT NULL DEFAULT 0,
    models        text[] NOT NULL DEFAULT '{}',
    input_fresh   bigint NOT NULL DEFAULT 0,
    input_cached  bigint NOT NULL DEFAULT 0,
    cache_write   bigint NOT NULL DEFAULT 0,
    output        bigint NOT NULL DEFAULT 0,
    reasoning     bigint NOT NULL DEFAULT 0,
    calls         bigint NOT NULL DEFAULT 0,
    cost_usd      numeric NOT NULL DEFAULT 0,
    estimated_usd numeric NOT NULL DEFAULT 0,
    session       text NOT NULL DEFAULT '',
    first_at      timestamptz NOT NULL DEFAULT now(),
    last_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, attempt_id),
    FOREIGN KEY (workspace_id, attempt_id) REFERENCES kolony.attempts
);
COMMENT ON COLUMN kolony.attempt_usage.session IS 'the agent''s own one, which its last report named';
CREATE INDEX attempt_usage_by_run ON kolony.attempt_usage (workspace_id, run_id);
CREATE INDEX attempt_usage_by_command ON kolony.attempt_usage (workspace_id, command_id);
CREATE INDEX attempt_usage_by_time ON kolony.attempt_usage (workspace_id, last_at);

-- What an agent's own session had used when it last said so (base), over all attempts and processes, and what single
-- reports have added since: a sum that comes next holds them too, and adds only what goes beyond.
CREATE TABLE kolony.session_usage (
    workspace_id uuid NOT NULL,
    agent_id     uuid NOT NULL,
    session      text NOT NULL CHECK (length(session) BETWEEN 1 AND 300),
    base         jsonb NOT NULL DEFAULT '{}',
    since        jsonb NOT NULL DEFAULT '{}',
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, agent_id, session),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents
);

-- Sums for screens, by the days of the workspace's time zone. No foreign keys: a sum locks nothing but itself.
CREATE TABLE kolony.usage_days (
    workspace_id  uuid NOT NULL,
    day           date NOT NULL,
    agent_id      uuid NOT NULL,
    profile_id    uuid NOT NULL,
    model         text NOT NULL,
    preset_id     uuid,
    input_fresh   bigint NOT NULL,
    input_cached  bigint NOT NULL,
    cache_write   bigint NOT NULL,
    output        bigint NOT NULL,
    reasoning     bigint NOT NULL,
    calls         bigint NOT NULL,
    cost_usd      numeric NOT NULL,
    estimated_usd numeric NOT NULL,
    CONSTRAINT one_sum_of_each UNIQUE NULLS NOT DISTINCT (workspace_id, day, agent_id, profile_id, model, preset_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN kolony.usage_days.profile_id IS 'who ordered the work';

-- US dollars for a million tokens; null: as input_usd. A workspace's own pattern stands in the place of a shipped one.
CREATE TABLE kolony.shipped_prices (
    pattern         text PRIMARY KEY,
    input_usd       numeric NOT NULL,
    cached_usd      numeric,
    cache_write_usd numeric,
    output_usd      numeric NOT NULL,
    as_of           date NOT NULL
);
COMMENT ON COLUMN kolony.shipped_prices.as_of IS 'when somebody looked at the makers'' lists; they change';

CREATE TABLE kolony.model_prices (
    workspace_id    uuid NOT NULL REFERENCES kolony.workspaces,
    pattern         text NOT NULL CHECK (length(pattern) BETWEEN 1 AND 200)
                    CONSTRAINT price_has_a_plain_pattern CHECK (pattern !~ '[\u0001-\u0020\u007f-\u009f]'),
    valid_from      date NOT NULL,
    input_usd       numeric(12, 6) CHECK (input_usd >= 0),
    cached_usd      numeric(12, 6) CHECK (cached_usd >= 0),
    cache_write_usd numeric(12, 6) CHECK (cache_write_usd >= 0),
    output_usd      numeric(12, 6) CHECK (output_usd >= 0),
    currency        text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
    set_by          uuid REFERENCES kolony.profiles,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, pattern, valid_from),
    CONSTRAINT both_or_no_price CHECK ((input_usd IS NULL) = (output_usd IS NULL))
);
COMMENT ON COLUMN kolony.model_prices.input_usd IS 'null: nothing is estimated for these models';
CREATE INDEX model_prices_by_setter ON kolony.model_prices (set_by);

-- For how often work of a time succeeded, and how long it took.
CREATE INDEX attempts_by_end ON kolony.attempts (workspace_id, ended_at) WHERE ended_at IS NOT NULL;

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.usage_reports', 'kolony.attempt_usage', 'kolony.session_usage',
    'kolony.usage_days', 'kolony.shipped_prices', 'kolony.model_prices']::regclass[]) t;
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.model_prices FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE POLICY member ON kolony.usage_reports FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.attempt_usage FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.usage_days FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.shipped_prices FOR SELECT USING ((SELECT kolony.my_workspace_ids()) <> '{}');
CREATE POLICY member ON kolony.model_prices FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
COMMENT ON POLICY member ON kolony.usage_days IS 'viewer: see what was used, and what it cost';
COMMENT ON POLICY member ON kolony.model_prices IS 'viewer: see the price list';
GRANT SELECT ON kolony.usage_reports, kolony.attempt_usage, kolony.usage_days, kolony.shipped_prices,
    kolony.model_prices TO kolony_user;

-- The sum of each attempt, and as one document.
CREATE VIEW kolony.usage_overview WITH (security_invoker = true) AS
SELECT u.workspace_id, u.attempt_id, u.run_id, u.models, u.input_fresh, u.input_cached, u.cache_write, u.output,
       u.reasoning, u.calls, u.cost_usd, u.estimated_usd, u.last_at, k.total,
       jsonb_build_object('input_tokens', k.total - u.output, 'input_fresh', u.input_fresh, 'input_cached', u.input_cached,
           'cache_write', u.cache_write, 'output_tokens', u.output, 'reasoning', u.reasoning, 'calls', u.calls,
           'total_tokens', k.total, 'cost_usd', u.cost_usd, 'cost_estimated', u.estimated_usd > 0,
           'models', to_jsonb(u.models)) AS usage
FROM kolony.attempt_usage u
CROSS JOIN LATERAL (SELECT u.input_fresh + u.input_cached + u.cache_write + u.output AS total) k;

-- What counts for a workspace: its own prices, and shipped ones of which it has none of its own.
CREATE VIEW kolony.price_list WITH (security_invoker = true) AS
SELECT w.workspace_id, s.pattern, s.as_of AS valid_from, s.input_usd, s.cached_usd, s.cache_write_usd, s.output_usd,
       'USD' AS currency, true AS shipped, NULL::text AS set_by_login
FROM kolony.workspaces w CROSS JOIN kolony.shipped_prices s
WHERE NOT EXISTS (SELECT FROM kolony.model_prices m WHERE m.workspace_id = w.workspace_id AND m.pattern = s.pattern)
UNION ALL
SELECT m.workspace_id, m.pattern, m.valid_from, m.input_usd, m.cached_usd, m.cache_write_usd, m.output_usd, m.currency,
       false, p.login
FROM kolony.model_prices m LEFT JOIN kolony.profiles p ON p.profile_id = m.set_by;
GRANT SELECT ON kolony.usage_overview, kolony.price_list TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

-- The makers' list prices, as far as they were known on that day: a help to begin with, not an invoice.
INSERT INTO kolony.shipped_prices (pattern, input_usd, cached_usd, cache_write_usd, output_usd, as_of) VALUES
    ('*claude-opus-4*', 15, 1.50, 18.75, 75, '2025-11-01'),
    ('*claude-opus-4-5*', 5, 0.50, 6.25, 25, '2025-11-24'),
    ('*claude-sonnet-4*', 3, 0.30, 3.75, 15, '2025-11-01'),
    ('*claude-haiku-4-5*', 1, 0.10, 1.25, 5, '2025-11-01'),
    ('*claude-3-5-haiku*', 0.80, 0.08, 1, 4, '2025-11-01'),
    ('*gpt-5*', 1.25, 0.125, NULL, 10, '2025-11-01'),
    ('*gpt-5*mini*', 0.25, 0.025, NULL, 2, '2025-11-01'),
    ('*gpt-5*nano*', 0.05, 0.005, NULL, 0.40, '2025-11-01'),
    ('*gemini-2.5-pro*', 1.25, 0.125, NULL, 10, '2025-11-01'),
    ('*gemini-2.5-flash*', 0.30, 0.03, NULL, 2.50, '2025-11-01'),
    ('*gemini-2.5-flash-lite*', 0.10, 0.01, NULL, 0.40, '2025-11-01');

CREATE FUNCTION kolony.today_in(home uuid) RETURNS date
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT (now() AT TIME ZONE w.time_zone)::date FROM kolony.workspaces w WHERE w.workspace_id = home);
END
$$;

-- What so many tokens of a model cost by the price list; null where it has no price. The pattern that says most wins,
-- and of one pattern the price that is valid last.
CREATE FUNCTION kolony.estimate(home uuid, of_model text, on_day date, figures jsonb) RETURNS numeric
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT ((figures ->> 'input_fresh')::numeric * p.input_usd
                + (figures ->> 'input_cached')::numeric * coalesce(p.cached_usd, p.input_usd)
                + (figures ->> 'cache_write')::numeric * coalesce(p.cache_write_usd, p.input_usd)
                + (figures ->> 'output')::numeric * p.output_usd) / 1000000
        FROM kolony.price_list p
        WHERE p.workspace_id = home AND (p.shipped OR p.valid_from <= on_day)
          AND lower(of_model) LIKE replace(replace(replace(replace(lower(p.pattern), '\', '\\'), '%', '\%'), '_', '\_'),
                                           '*', '%')
        ORDER BY p.shipped, length(p.pattern) DESC, p.valid_from DESC LIMIT 1);
END
$$;

-- A whole number of a report that can be one, at most 10^15; null where it is none.
CREATE FUNCTION kolony.figure(value jsonb) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN jsonb_typeof(value) = 'number' AND value::numeric BETWEEN 0 AND 1000000000000000
                THEN value::numeric END
$$;

-- What the tokens and calls of a report add: all of it, or of a sum over a session only what goes beyond the last sum
-- and beyond what other reports have said since. A figure that is not said stands as it was.
CREATE FUNCTION kolony.weigh_tokens(report jsonb, INOUT since jsonb, INOUT base jsonb, OUT added jsonb)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
    now_said numeric;
    so_far numeric;
    more numeric;
BEGIN
    added := '{}';
    FOREACH name IN ARRAY ARRAY['input_fresh', 'input_cached', 'cache_write', 'output', 'reasoning', 'calls'] LOOP
        now_said := trunc(kolony.figure(report -> name));
        so_far := coalesce((since ->> name)::numeric, 0);
        IF now_said IS NULL THEN
            more := 0;
        ELSIF coalesce((report ->> 'cumulative')::boolean, false) THEN
            more := greatest(now_said - coalesce((base ->> name)::numeric, 0) - so_far, 0);
            base := base || jsonb_build_object(name, now_said);
            since := since - name;
        ELSE
            more := now_said;
            since := since || jsonb_build_object(name, so_far + now_said);
        END IF;
        added := added || jsonb_build_object(name, more);
    END LOOP;
END
$$;

-- The same for its money. Where the agent names none it is estimated; what it names later stands in the estimate's place.
-- Of a session whose money the agent names, only single calls are estimated meanwhile: the money of a turn may have come
-- before its tokens.
CREATE FUNCTION kolony.weigh_money(report jsonb, by_prices numeric, INOUT since jsonb, INOUT base jsonb,
    OUT cost numeric, OUT estimated numeric)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_said CONSTANT numeric := kolony.figure(report -> 'cost_usd');
    so_far CONSTANT numeric := coalesce((since ->> 'cost_usd')::numeric, 0);
    guessed CONSTANT numeric := coalesce((since ->> 'estimated_usd')::numeric, 0);
    sums CONSTANT boolean := coalesce((report ->> 'money_cumulative')::boolean, false);
BEGIN
    IF now_said IS NULL THEN
        cost := CASE WHEN base ? 'names_money' AND report ->> 'scope' IS DISTINCT FROM 'call' THEN 0
                     ELSE coalesce(round(by_prices, 9), 0) END;
        estimated := cost;
        since := since || jsonb_build_object('cost_usd', so_far + cost, 'estimated_usd', guessed + cost);
    ELSIF sums THEN
        cost := greatest(now_said - coalesce((base ->> 'cost_usd')::numeric, 0), 0) - so_far;
        cost := greatest(cost, -guessed);
        estimated := -guessed;
        base := base || jsonb_build_object('cost_usd', now_said, 'names_money', true);
        since := since - 'cost_usd' - 'estimated_usd';
    ELSE
        -- Of a single call it is that call's; of more it stands for the calls before, too.
        estimated := CASE WHEN report ->> 'scope' = 'call' THEN 0 ELSE -guessed END;
        cost := now_said + estimated;
        base := base || '{"names_money": true}';
        since := since || jsonb_build_object('cost_usd', so_far + cost, 'estimated_usd', guessed + estimated);
    END IF;
END
$$;

-- One report of an attempt: stored with what it adds, and added to the attempt's own sum, which the caller holds.
CREATE FUNCTION kolony.book_report(mine kolony.attempt_usage, report jsonb, place integer, today date)
RETURNS kolony.attempt_usage
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_session CONSTANT text := "left"(coalesce(nullif(report ->> 'session_id', ''), nullif(mine.session, ''),
                                                 'attempt ' || mine.attempt_id), 300);
    its_model CONSTANT text := "left"(coalesce(nullif(report ->> 'model', ''),
                                               mine.models[cardinality(mine.models)], ''), 200);
    recent jsonb;
    sums jsonb;
    added jsonb;
    cost numeric;
    estimated numeric;
BEGIN
    INSERT INTO kolony.session_usage AS s (workspace_id, agent_id, session)
    VALUES (mine.workspace_id, mine.agent_id, its_session)
    ON CONFLICT (workspace_id, agent_id, session) DO UPDATE SET at = now()
    RETURNING s.base, s.since INTO sums, recent;
    SELECT w.since, w.base, w.added INTO recent, sums, added FROM kolony.weigh_tokens(report, recent, sums) w;
    SELECT w.since, w.base, w.cost, w.estimated INTO recent, sums, cost, estimated
    FROM kolony.weigh_money(report, kolony.estimate(mine.workspace_id, its_model, today, added), recent, sums) w;
    UPDATE kolony.session_usage s SET base = sums, since = recent
    WHERE s.workspace_id = mine.workspace_id AND s.agent_id = mine.agent_id AND s.session = its_session;
    INSERT INTO kolony.usage_reports (workspace_id, attempt_id, number, run_id, day, model, source, scope, input_fresh,
        input_cached, cache_write, output, reasoning, calls, cost_usd, estimated_usd, said, raw)
    VALUES (mine.workspace_id, mine.attempt_id, place, mine.run_id, today, its_model,
        "left"(coalesce(report ->> 'source', ''), 100),
        CASE WHEN report ->> 'scope' IN ('call', 'turn') THEN report ->> 'scope' ELSE 'session' END,
        (added ->> 'input_fresh')::bigint, (added ->> 'input_cached')::bigint, (added ->> 'cache_write')::bigint,
        (added ->> 'output')::bigint, (added ->> 'reasoning')::bigint, (added ->> 'calls')::bigint, cost, estimated,
        report - 'raw', CASE WHEN length((report -> 'raw')::text) <= 65536 THEN nullif(report -> 'raw', 'null') END);
    mine.reports := place + 1;
    IF its_model <> '' AND (its_model = ANY (mine.models) OR cardinality(mine.models) < 50) THEN
        mine.models := array_remove(mine.models, its_model) || its_model;
    END IF;
    mine.input_fresh := mine.input_fresh + (added ->> 'input_fresh')::bigint;
    mine.input_cached := mine.input_cached + (added ->> 'input_cached')::bigint;
    mine.cache_write := mine.cache_write + (added ->> 'cache_write')::bigint;
    mine.output := mine.output + (added ->> 'output')::bigint;
    mine.reasoning := mine.reasoning + (added ->> 'reasoning')::bigint;
    mine.calls := mine.calls + (added ->> 'calls')::bigint;
    mine.cost_usd := mine.cost_usd + cost;
    mine.estimated_usd := mine.estimated_usd + estimated;
    mine.session := its_session;
    RETURN mine;
END
$$;

-- The attempt's own sum, made where there is none, and held until the transaction ends.
CREATE FUNCTION kolony.usage_of(held kolony.leases) RETURNS kolony.attempt_usage
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine kolony.attempt_usage;
BEGIN
    INSERT INTO kolony.attempt_usage (workspace_id, attempt_id, run_id, command_id, agent_id, profile_id, preset_id)
    SELECT r.workspace_id, held.attempt_id, r.run_id, c.command_id, r.agent_id, c.created_by, c.preset_id
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = held.workspace_id AND r.run_id = held.run_id
    ON CONFLICT (workspace_id, attempt_id) DO NOTHING;
    SELECT * INTO STRICT mine FROM kolony.attempt_usage u
    WHERE u.workspace_id = held.workspace_id AND u.attempt_id = held.attempt_id FOR NO KEY UPDATE;
    RETURN mine;
END
$$;

-- Takes reports of an attempt, numbered from 0 in order; those that were taken before are passed, so it may be said
-- twice. Answers the attempt's sum so far: {"total_tokens", "cost_usd"}. A report: {"number", "source", "scope",
-- "session_id", "model", "input_fresh", "input_cached", "cache_write", "output", "reasoning", "calls", "cost_usd",
-- "cumulative", "money_cumulative", "raw"}; what is not known is left out. How full a context is must not be among them.
CREATE FUNCTION kolony.report_usage(the_attempt uuid, reports jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
    mine kolony.attempt_usage;
    first integer;
    report jsonb;
    today date;
BEGIN
    IF jsonb_typeof(reports) IS DISTINCT FROM 'array' OR jsonb_array_length(reports) > 1000 THEN
        RAISE EXCEPTION 'reports of usage are a list of at most 1000' USING ERRCODE = '22023';
    END IF;
    -- Whoever makes a budget counts what was used before under a lock that waits for this one.
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = held.workspace_id FOR KEY SHARE;
    mine := kolony.usage_of(held);
    first := mine.reports;
    today := kolony.today_in(held.workspace_id);
    FOR report IN SELECT r FROM jsonb_array_elements(reports) r
                  WHERE jsonb_typeof(r) = 'object' AND kolony.figure(r -> 'number') < 1000000000
                  ORDER BY (r ->> 'number')::numeric LOOP
        CONTINUE WHEN (report ->> 'number')::numeric < mine.reports;
        mine := kolony.book_report(mine, report, trunc((report ->> 'number')::numeric)::integer, today);
    END LOOP;
    IF mine.reports > first THEN
        UPDATE kolony.attempt_usage u SET reports = mine.reports, models = mine.models, input_fresh = mine.input_fresh,
            input_cached = mine.input_cached, cache_write = mine.cache_write, output = mine.output,
            reasoning = mine.reasoning, calls = mine.calls, cost_usd = mine.cost_usd,
            estimated_usd = mine.estimated_usd, session = mine.session, last_at = now()
        WHERE u.workspace_id = mine.workspace_id AND u.attempt_id = the_attempt;
        PERFORM kolony.sum_up_usage(mine, first);
    END IF;
    RETURN jsonb_build_object('cost_usd', mine.cost_usd,
        'total_tokens', mine.input_fresh + mine.input_cached + mine.cache_write + mine.output);
END
$$;

-- Adds the reports of an attempt from this number on to the sums of their day and to the budgets.
CREATE FUNCTION kolony.sum_up_usage(mine kolony.attempt_usage, first integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tokens bigint;
    cost numeric;
BEGIN
    -- In one order, so that two that add to the same sums never wait for each other.
    INSERT INTO kolony.usage_days AS d (workspace_id, day, agent_id, profile_id, model, preset_id, input_fresh,
        input_cached, cache_write, output, reasoning, calls, cost_usd, estimated_usd)
    SELECT u.workspace_id, u.day, mine.agent_id, mine.profile_id, u.model, mine.preset_id, sum(u.input_fresh),
           sum(u.input_cached), sum(u.cache_write), sum(u.output), sum(u.reasoning), sum(u.calls), sum(u.cost_usd),
           sum(u.estimated_usd)
    FROM kolony.usage_reports u
    WHERE u.workspace_id = mine.workspace_id AND u.attempt_id = mine.attempt_id AND u.number >= first
    GROUP BY u.workspace_id, u.day, u.model ORDER BY u.day, u.model
    ON CONFLICT ON CONSTRAINT one_sum_of_each DO UPDATE SET
        input_fresh = d.input_fresh + EXCLUDED.input_fresh, input_cached = d.input_cached + EXCLUDED.input_cached,
        cache_write = d.cache_write + EXCLUDED.cache_write, output = d.output + EXCLUDED.output,
        reasoning = d.reasoning + EXCLUDED.reasoning, calls = d.calls + EXCLUDED.calls,
        cost_usd = d.cost_usd + EXCLUDED.cost_usd, estimated_usd = d.estimated_usd + EXCLUDED.estimated_usd;
    SELECT sum(u.input_fresh + u.input_cached + u.cache_write + u.output), sum(u.cost_usd) INTO tokens, cost
    FROM kolony.usage_reports u
    WHERE u.workspace_id = mine.workspace_id AND u.attempt_id = mine.attempt_id AND u.number >= first;
    PERFORM kolony.draw_on_budgets(mine, tokens, cost);
END
$$;

-- At its end an attempt keeps the sum beside what its runner measured.
CREATE FUNCTION kolony.keep_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booked jsonb;
BEGIN
    SELECT o.usage INTO booked FROM kolony.usage_overview o
    WHERE o.workspace_id = NEW.workspace_id AND o.attempt_id = NEW.attempt_id;
    NEW.usage := coalesce(booked, '{}') || NEW.usage;
    RETURN NEW;
END
$$;
GRANT EXECUTE ON FUNCTION kolony.keep_usage() TO kolony_owner;

-- A price for models of this pattern (* stands for anything) from a day on; all null: nothing is estimated for them.
CREATE FUNCTION kolony.set_price(in_workspace uuid, for_models text, input_usd numeric, output_usd numeric,
    cached_usd numeric DEFAULT NULL, cache_write_usd numeric DEFAULT NULL, valid_from date DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    since CONSTANT date := coalesce(valid_from, '2000-01-01'); -- for what was used before, too
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF for_models IS NULL OR length(for_models) NOT BETWEEN 1 AND 200 OR for_models ~ '[\u0001-\u0020\u007f-\u009f]' THEN
        RAISE EXCEPTION 'a model''s name is 1 to 200 printable characters without blanks' USING ERRCODE = '22023',
            HINT = '* stands for anything, as in *sonnet-4*';
    END IF;
    IF (input_usd IS NULL) <> (output_usd IS NULL) THEN
        RAISE EXCEPTION 'a price is one for input and one for output' USING ERRCODE = '22023';
    END IF;
    IF EXISTS (SELECT FROM unnest(ARRAY[input_usd, output_usd, cached_usd, cache_write_usd]) p
               WHERE p NOT BETWEEN 0 AND 100000) THEN
        RAISE EXCEPTION 'a price is 0 to 100000 US dollars for a million tokens' USING ERRCODE = '22023';
    END IF;
    INSERT INTO kolony.model_prices AS m (workspace_id, pattern, valid_from, input_usd, cached_usd, cache_write_usd,
        output_usd, set_by)
    VALUES (in_workspace, for_models, since, input_usd, cached_usd, cache_write_usd, output_usd, kolony.my_profile_id())
    ON CONFLICT ON CONSTRAINT model_prices_pkey DO UPDATE SET input_usd = EXCLUDED.input_usd,
        cached_usd = EXCLUDED.cached_usd, cache_write_usd = EXCLUDED.cache_write_usd,
        output_usd = EXCLUDED.output_usd, set_by = EXCLUDED.set_by;
    PERFORM kolony.record_audit(in_workspace, 'PRICE_SET', for_models, jsonb_build_object('input_usd', input_usd,
        'cached_usd', cached_usd, 'cache_write_usd', cache_write_usd, 'output_usd', output_usd, 'valid_from', since));
    PERFORM kolony.hint(in_workspace, 'usage:*');
END
$$;

-- Takes back what was set for a pattern; where Kolony ships a price for it, that one counts again.
CREATE FUNCTION kolony.remove_price(in_workspace uuid, for_models text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    DELETE FROM kolony.model_prices m WHERE m.workspace_id = in_workspace AND m.pattern = for_models;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM kolony.shipped_prices s WHERE s.pattern = for_models) THEN
            RAISE EXCEPTION 'the price of "%" is one that Kolony ships', for_models USING ERRCODE = '55000',
                HINT = 'set it to none instead';
        END IF;
        RAISE EXCEPTION 'there is no price of "%" here', for_models USING ERRCODE = 'P0002', HINT = 'see kolony price list';
    END IF;
    PERFORM kolony.record_audit(in_workspace, 'PRICE_REMOVED', for_models);
    PERFORM kolony.hint(in_workspace, 'usage:*');
END
$$;

-- Of the days that have passed nothing changes.
CREATE FUNCTION kolony.set_time_zone(in_workspace uuid, new_zone text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_zone IS NULL OR NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = new_zone) THEN
        RAISE EXCEPTION 'this server knows no time zone "%"', new_zone
            USING ERRCODE = '22023', HINT = 'a name such as Europe/Berlin, or UTC';
    END IF;
    UPDATE kolony.workspaces w SET time_zone = new_zone WHERE w.workspace_id = in_workspace AND w.time_zone <> new_zone;
    PERFORM kolony.hint(in_workspace, 'usage:*');
END
$$;

-- As in 0008, with the time zone.
CREATE OR REPLACE FUNCTION kolony.audit_workspace() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'WORKSPACE_CREATED', NEW.slug,
            jsonb_build_object('name', NEW.name, 'admits_viewers', NEW.admits_viewers));
        RETURN NULL;
    END IF;
    changed := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['slug', 'name', 'admits_viewers',
        'heartbeat_seconds', 'lease_seconds', 'backoff_seconds', 'audit_days', 'plan', 'max_members', 'max_agents',
        'max_waiting_runs', 'time_zone']);
    IF changed <> '{}' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'WORKSPACE_CHANGED', NEW.slug, changed);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION kolony.set_price(uuid, text, numeric, numeric, numeric, numeric, date) IS
    'admin: set what tokens of a model cost';
COMMENT ON FUNCTION kolony.remove_price(uuid, text) IS 'admin: take back a price';
COMMENT ON FUNCTION kolony.set_time_zone(uuid, text) IS
    'admin: say by which time zone the days of the workspace are counted';
GRANT EXECUTE ON FUNCTION kolony.set_price(uuid, text, numeric, numeric, numeric, numeric, date),
    kolony.remove_price(uuid, text), kolony.set_time_zone(uuid, text) TO kolony_user;
GRANT EXECUTE ON FUNCTION kolony.report_usage(uuid, jsonb) TO kolony_agents;

SET LOCAL ROLE kolony_owner;

CREATE TRIGGER keep_usage BEFORE UPDATE OF usage ON kolony.attempts
    FOR EACH ROW EXECUTE FUNCTION kolony.keep_usage();

RESET ROLE;
