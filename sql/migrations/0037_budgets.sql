-- Budgets: how many tokens or how much money work may take in a time. The database holds them: nothing is given out
-- without budget left, and a lease is not renewed for work that has none, so that no more is spent beyond a budget than
-- in one lease period.

SET LOCAL ROLE kolony_owner;

ALTER TABLE kolony.runs DROP CONSTRAINT limit_is_known, ADD CONSTRAINT limit_is_known
    CHECK (limit_hit IN ('time_limit', 'token_budget', 'memory_limit', 'cpu_limit', 'budget'));
ALTER TABLE kolony.attempts DROP CONSTRAINT limit_is_known, ADD CONSTRAINT limit_is_known
    CHECK (limit_hit IN ('time_limit', 'token_budget', 'memory_limit', 'cpu_limit', 'budget')),
    ADD COLUMN over_budget_at timestamptz;
COMMENT ON COLUMN kolony.attempts.over_budget_at IS
    'when its lease was first not renewed for want of a budget; a lease period later it is ended here';

CREATE TABLE kolony.people_groups (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    group_id     uuid NOT NULL DEFAULT kolony.new_id(),
    name         text NOT NULL CONSTRAINT people_group_name CHECK (length(name) BETWEEN 1 AND 100)
                     CONSTRAINT people_group_plain_name CHECK (name = btrim(name) AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    made_by      uuid REFERENCES kolony.profiles,
    made_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, group_id),
    UNIQUE (workspace_id, name)
);
COMMENT ON TABLE kolony.people_groups IS 'a team of people, for what they spend together';
CREATE INDEX people_groups_by_maker ON kolony.people_groups (made_by);

CREATE TABLE kolony.people_group_members (
    workspace_id uuid NOT NULL,
    group_id     uuid NOT NULL,
    profile_id   uuid NOT NULL REFERENCES kolony.profiles,
    PRIMARY KEY (workspace_id, group_id, profile_id),
    FOREIGN KEY (workspace_id, group_id) REFERENCES kolony.people_groups ON DELETE CASCADE
);
CREATE INDEX people_group_members_by_person ON kolony.people_group_members (profile_id, workspace_id);

CREATE TABLE kolony.budgets (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    budget_id    uuid NOT NULL DEFAULT kolony.new_id(),
    scope        text NOT NULL CHECK (scope IN ('workspace', 'people', 'agent', 'preset', 'command', 'person')),
    group_id     uuid,
    agent_id     uuid,
    preset_id    uuid,
    command_id   uuid,
    profile_id   uuid REFERENCES kolony.profiles,
    subject_id   uuid GENERATED ALWAYS AS (coalesce(group_id, agent_id, preset_id, command_id, profile_id)) STORED,
    period       text NOT NULL CHECK (period IN ('day', 'week', 'month', 'total')),
    token_limit  bigint CHECK (token_limit BETWEEN 0 AND 1000000000000000),
    usd_limit    numeric(15, 6) CHECK (usd_limit BETWEEN 0 AND 100000000),
    warn_percent smallint NOT NULL DEFAULT 80 CHECK (warn_percent BETWEEN 1 AND 100),
    hard         boolean NOT NULL DEFAULT true,
    set_by       uuid REFERENCES kolony.profiles,
    made_at      timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    removed_at   timestamptz,
    PRIMARY KEY (workspace_id, budget_id),
    FOREIGN KEY (workspace_id, group_id) REFERENCES kolony.people_groups ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES kolony.agents,
    FOREIGN KEY (workspace_id, preset_id) REFERENCES kolony.presets,
    FOREIGN KEY (workspace_id, command_id) REFERENCES kolony.commands,
    CONSTRAINT its_own_subject CHECK (num_nonnulls(group_id, agent_id, preset_id, command_id, profile_id)
        = (scope <> 'workspace')::integer AND (scope = 'people') = (group_id IS NOT NULL)
        AND (scope = 'agent') = (agent_id IS NOT NULL) AND (scope = 'preset') = (preset_id IS NOT NULL)
        AND (scope = 'command') = (command_id IS NOT NULL)),
    CONSTRAINT a_budget_limits_something CHECK (num_nonnulls(token_limit, usd_limit) > 0)
);
COMMENT ON COLUMN kolony.budgets.hard IS 'false: people are warned, and work goes on';
CREATE UNIQUE INDEX one_budget_of_each ON kolony.budgets (workspace_id, scope, subject_id, period)
    NULLS NOT DISTINCT WHERE removed_at IS NULL;
CREATE INDEX budgets_by_group ON kolony.budgets (workspace_id, group_id);
CREATE INDEX budgets_by_agent ON kolony.budgets (workspace_id, agent_id);
CREATE INDEX budgets_by_preset ON kolony.budgets (workspace_id, preset_id);
CREATE INDEX budgets_by_command ON kolony.budgets (workspace_id, command_id);
CREATE INDEX budgets_by_person ON kolony.budgets (profile_id);
CREATE INDEX budgets_by_setter ON kolony.budgets (set_by);

-- What a budget has spent in the period that begins on that day, by the workspace's time zone.
CREATE TABLE kolony.budget_spending (
    workspace_id uuid NOT NULL,
    budget_id    uuid NOT NULL,
    starts       date NOT NULL,
    tokens       bigint NOT NULL DEFAULT 0,
    cost_usd     numeric NOT NULL DEFAULT 0,
    warned_at    timestamptz,
    emptied_at   timestamptz,
    PRIMARY KEY (workspace_id, budget_id, starts),
    FOREIGN KEY (workspace_id, budget_id) REFERENCES kolony.budgets ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

SELECT kolony.protect(t) FROM unnest(ARRAY['kolony.people_groups', 'kolony.people_group_members', 'kolony.budgets',
    'kolony.budget_spending']::regclass[]) t;
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.budgets FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE POLICY member ON kolony.people_groups FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.people_group_members FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.budgets FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
CREATE POLICY member ON kolony.budget_spending FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[]));
COMMENT ON POLICY member ON kolony.budgets IS 'viewer: see the budgets, and what is left of them';
GRANT SELECT ON kolony.people_groups, kolony.people_group_members, kolony.budgets, kolony.budget_spending TO kolony_user;

SET LOCAL ROLE kolony_api;

INSERT INTO kolony.notification_kinds (kind, place, about, audience, channels, enabled) VALUES
    ('budget', 8, 'a budget is nearly or wholly used up', 'admins', '{bell,desktop}', true);

SET LOCAL ROLE kolony_owner;

-- Each budget with what it has spent in its period, which begins on the day "starts" (weeks on Mondays); share: of the
-- limit that is nearer to its end, 1 is all of it.
CREATE VIEW kolony.budget_overview WITH (security_invoker = true) AS
SELECT b.workspace_id, b.budget_id, b.scope, b.subject_id,
       coalesce(g.name, a.name, p.name, '#' || c.number, o.login) AS subject,
       b.period, b.token_limit, b.usd_limit, b.warn_percent, b.hard, p2.login AS set_by_login, b.updated_at,
       k.starts, coalesce(s.tokens, 0) AS tokens, coalesce(s.cost_usd, 0) AS cost_usd,
       CASE WHEN b.token_limit IS NOT NULL THEN greatest(b.token_limit - coalesce(s.tokens, 0), 0) END AS tokens_left,
       CASE WHEN b.usd_limit IS NOT NULL THEN greatest(b.usd_limit - coalesce(s.cost_usd, 0), 0) END AS usd_left,
       greatest(CASE WHEN b.token_limit = 0 THEN 1 ELSE coalesce(s.tokens, 0)::numeric / b.token_limit END,
                CASE WHEN b.usd_limit = 0 THEN 1 ELSE coalesce(s.cost_usd, 0) / b.usd_limit END) AS share,
       s.warned_at, s.emptied_at
FROM kolony.budgets b
JOIN kolony.workspaces w ON w.workspace_id = b.workspace_id
CROSS JOIN LATERAL (SELECT CASE b.period WHEN 'total' THEN date '0001-01-01'
    ELSE date_trunc(b.period, now() AT TIME ZONE w.time_zone)::date END AS starts) k
LEFT JOIN kolony.budget_spending s
    ON s.workspace_id = b.workspace_id AND s.budget_id = b.budget_id AND s.starts = k.starts
LEFT JOIN kolony.people_groups g ON g.workspace_id = b.workspace_id AND g.group_id = b.group_id
LEFT JOIN kolony.agents a ON a.workspace_id = b.workspace_id AND a.agent_id = b.agent_id
LEFT JOIN kolony.presets p ON p.workspace_id = b.workspace_id AND p.preset_id = b.preset_id
LEFT JOIN kolony.commands c ON c.workspace_id = b.workspace_id AND c.command_id = b.command_id
LEFT JOIN kolony.profiles o ON o.profile_id = b.profile_id
LEFT JOIN kolony.profiles p2 ON p2.profile_id = b.set_by
WHERE b.removed_at IS NULL;
GRANT SELECT ON kolony.budget_overview TO kolony_user, kolony_api;

SET LOCAL ROLE kolony_api;

-- The budgets that work by this command on this agent draws on.
CREATE FUNCTION kolony.budgets_on(home uuid, of_agent uuid, the_command uuid, the_preset uuid, person uuid)
RETURNS SETOF kolony.budget_overview
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.budgets b WHERE b.workspace_id = home AND b.removed_at IS NULL) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT o.* FROM kolony.budget_overview o
    WHERE o.workspace_id = home AND CASE o.scope
        WHEN 'workspace' THEN true
        WHEN 'agent' THEN o.subject_id = of_agent
        WHEN 'command' THEN o.subject_id = the_command
        WHEN 'preset' THEN o.subject_id = the_preset
        WHEN 'person' THEN o.subject_id = person
        ELSE EXISTS (SELECT FROM kolony.people_group_members m
                     WHERE m.workspace_id = home AND m.group_id = o.subject_id AND m.profile_id = person) END
    ORDER BY o.budget_id;
END
$$;

-- What people call a budget: "the agent "x"", with how much of what it was.
CREATE FUNCTION kolony.budget_words(its kolony.budget_overview) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE its.scope WHEN 'workspace' THEN 'the workspace' WHEN 'people' THEN format('the team "%s"', its.subject)
                WHEN 'command' THEN 'command ' || its.subject ELSE format('the %s "%s"', its.scope, its.subject) END
        || ' has used ' || concat_ws(' and ',
            CASE WHEN its.usd_limit IS NOT NULL THEN format('$%s of $%s', to_char(its.cost_usd, 'FM999999990.00'),
                                                            to_char(its.usd_limit, 'FM999999990.00')) END,
            CASE WHEN its.token_limit IS NOT NULL THEN format('%s of %s tokens', its.tokens, its.token_limit) END)
        || CASE its.period WHEN 'total' THEN ' in all' WHEN 'day' THEN ' today' ELSE ' this ' || its.period END
$$;

-- The first of its budgets that is used up and that holds; null where work may go on.
CREATE FUNCTION kolony.empty_budget(home uuid, the_run uuid) RETURNS kolony.budget_overview
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found kolony.budget_overview;
BEGIN
    SELECT b.* INTO found FROM kolony.runs r
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    CROSS JOIN LATERAL kolony.budgets_on(home, r.agent_id, c.command_id, c.preset_id, c.created_by) b
    WHERE r.workspace_id = home AND r.run_id = the_run AND b.hard AND b.share >= 1 LIMIT 1;
    RETURN found;
END
$$;

-- Called with every report: what was used is taken from each budget; people are told once a period when one is nearly
-- used up, and when it is; then every runner looks whether its leases are still renewed.
CREATE FUNCTION kolony.draw_on_budgets(mine kolony.attempt_usage, more_tokens bigint, more_usd numeric) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    budget kolony.budget_overview;
    was kolony.budget_spending;
BEGIN
    FOR budget IN SELECT * FROM kolony.budgets_on(mine.workspace_id, mine.agent_id, mine.command_id, mine.preset_id,
                                                  mine.profile_id) LOOP
        INSERT INTO kolony.budget_spending AS s (workspace_id, budget_id, starts, tokens, cost_usd)
        VALUES (mine.workspace_id, budget.budget_id, budget.starts, more_tokens, more_usd)
        ON CONFLICT (workspace_id, budget_id, starts) DO UPDATE SET tokens = s.tokens + EXCLUDED.tokens,
            cost_usd = s.cost_usd + EXCLUDED.cost_usd
        RETURNING * INTO was;
        SELECT * INTO STRICT budget FROM kolony.budget_overview o
        WHERE o.workspace_id = mine.workspace_id AND o.budget_id = budget.budget_id;
        IF budget.share >= 1 AND was.emptied_at IS NULL THEN
            PERFORM kolony.note_budget(budget, true);
        ELSIF budget.share * 100 >= budget.warn_percent AND was.warned_at IS NULL THEN
            PERFORM kolony.note_budget(budget, false);
        END IF;
    END LOOP;
    PERFORM kolony.hint(mine.workspace_id, 'usage:*');
END
$$;

CREATE FUNCTION kolony.note_budget(its kolony.budget_overview, empty boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE kolony.budget_spending s SET warned_at = coalesce(s.warned_at, now()),
        emptied_at = CASE WHEN empty THEN now() END
    WHERE s.workspace_id = its.workspace_id AND s.budget_id = its.budget_id AND s.starts = its.starts;
    PERFORM kolony.record_audit(its.workspace_id, CASE WHEN empty THEN 'BUDGET_EMPTY' ELSE 'BUDGET_WARNING' END,
        concat_ws(' ', its.scope, its.subject), jsonb_build_object('budget_id', its.budget_id, 'period', its.period,
            'tokens', its.tokens, 'cost_usd', its.cost_usd, 'token_limit', its.token_limit, 'usd_limit', its.usd_limit,
            'hard', its.hard), CASE WHEN its.scope = 'agent' THEN its.subject_id END);
    PERFORM kolony.notify_people(its.workspace_id, 'budget', CASE WHEN empty AND its.hard THEN 'high' ELSE 'medium' END,
        CASE WHEN empty THEN 'a budget is used up' ELSE format('%s%% of a budget are used', floor(its.share * 100)) END,
        kolony.budget_words(its) || CASE WHEN empty AND its.hard THEN ': its work is ended, and nothing is begun'
                                         ELSE '' END,
        jsonb_build_object('budget_id', its.budget_id, 'scope', its.scope, 'subject_id', its.subject_id));
    IF empty AND its.hard THEN
        PERFORM kolony.hint(its.workspace_id, 'agents:*');
    END IF;
END
$$;

-- What was used in the current period before a budget was there, or before it changed. The caller holds the workspace
-- FOR UPDATE, for which every report waits.
CREATE FUNCTION kolony.recount_budget(home uuid, the_budget uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its kolony.budget_overview;
    spent_tokens bigint;
    spent_usd numeric;
BEGIN
    SELECT * INTO STRICT its FROM kolony.budget_overview o WHERE o.workspace_id = home AND o.budget_id = the_budget;
    IF its.scope = 'command' THEN
        SELECT sum(u.input_fresh + u.input_cached + u.cache_write + u.output), sum(u.cost_usd)
        INTO spent_tokens, spent_usd FROM kolony.attempt_usage a
        JOIN kolony.usage_reports u ON u.workspace_id = a.workspace_id AND u.attempt_id = a.attempt_id
        WHERE a.workspace_id = home AND a.command_id = its.subject_id AND u.day >= its.starts;
    ELSE
        SELECT sum(d.input_fresh + d.input_cached + d.cache_write + d.output), sum(d.cost_usd)
        INTO spent_tokens, spent_usd FROM kolony.usage_days d
        WHERE d.workspace_id = home AND d.day >= its.starts AND CASE its.scope
            WHEN 'workspace' THEN true WHEN 'agent' THEN d.agent_id = its.subject_id
            WHEN 'preset' THEN d.preset_id = its.subject_id WHEN 'person' THEN d.profile_id = its.subject_id
            ELSE d.profile_id IN (SELECT m.profile_id FROM kolony.people_group_members m
                                  WHERE m.workspace_id = home AND m.group_id = its.subject_id) END;
    END IF;
    INSERT INTO kolony.budget_spending AS s (workspace_id, budget_id, starts, tokens, cost_usd)
    VALUES (home, the_budget, its.starts, coalesce(spent_tokens, 0), coalesce(spent_usd, 0))
    ON CONFLICT (workspace_id, budget_id, starts) DO UPDATE SET tokens = EXCLUDED.tokens, cost_usd = EXCLUDED.cost_usd,
        warned_at = NULL, emptied_at = NULL;
END
$$;

-- The id of what a budget is to be about. Of a team, a command's number, a login or a name.
CREATE FUNCTION kolony.budget_subject(home uuid, scope text, subject text) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    found uuid;
BEGIN
    CASE scope
        WHEN 'workspace' THEN
            IF coalesce(subject, '') <> '' THEN
                RAISE EXCEPTION 'a budget of the workspace is about nothing else' USING ERRCODE = '22023';
            END IF;
            RETURN NULL;
        WHEN 'agent' THEN
            SELECT a.agent_id INTO found FROM kolony.agents a
            WHERE a.workspace_id = home AND subject IN (a.name, a.agent_id::text);
        WHEN 'preset' THEN
            SELECT p.preset_id INTO found FROM kolony.presets p
            WHERE p.workspace_id = home AND p.deleted_at IS NULL AND subject IN (p.name, p.preset_id::text)
              AND p.preset_id = ANY (kolony.my_preset_ids());
        WHEN 'command' THEN
            SELECT c.command_id INTO found FROM kolony.commands c
            WHERE c.workspace_id = home AND (c.command_id::text = subject
                OR ltrim(subject, '#') ~ '^[0-9]{1,18}$' AND c.number = CASE WHEN ltrim(subject, '#') ~ '^[0-9]{1,18}$'
                                                                          THEN ltrim(subject, '#')::bigint END);
        WHEN 'person' THEN
            SELECT p.profile_id INTO found FROM kolony.profiles p
            JOIN kolony.memberships m ON m.profile_id = p.profile_id AND m.workspace_id = home
            WHERE subject IN (p.login, p.profile_id::text) ORDER BY m.granted_at DESC LIMIT 1;
        WHEN 'people' THEN
            SELECT g.group_id INTO found FROM kolony.people_groups g
            WHERE g.workspace_id = home AND subject IN (g.name, g.group_id::text);
        ELSE
            RAISE EXCEPTION 'a budget is one of the workspace, people, an agent, a preset, a command or a person'
                USING ERRCODE = '22023';
    END CASE;
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no % "%" here', CASE scope WHEN 'people' THEN 'team of people' ELSE scope END,
            coalesce(subject, '') USING ERRCODE = 'P0002',
            HINT = CASE scope WHEN 'people' THEN 'see kolony budget team list' WHEN 'person' THEN 'see kolony user list'
                              ELSE format('see kolony %s list', scope) END;
    END IF;
    RETURN found;
END
$$;

-- Makes the budget of this scope, subject and period, or changes it; all of it at once. A limit of null is none. What
-- was used in the period before counts.
CREATE FUNCTION kolony.set_budget(in_workspace uuid, scope text, subject text, period text, token_limit bigint,
    usd_limit numeric, warn_percent integer DEFAULT 80, hard boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    about uuid;
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF period IS NULL OR period NOT IN ('day', 'week', 'month', 'total') THEN
        RAISE EXCEPTION 'a budget is for a day, a week, a month or in total' USING ERRCODE = '22023';
    END IF;
    IF token_limit IS NULL AND usd_limit IS NULL OR token_limit NOT BETWEEN 0 AND 1000000000000000
       OR usd_limit NOT BETWEEN 0 AND 100000000 THEN
        RAISE EXCEPTION 'a budget is 0 to 10^15 tokens, or 0 to 100000000 US dollars, or both' USING ERRCODE = '22023';
    END IF;
    IF warn_percent IS NULL OR warn_percent NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'a warning comes at 1 to 100 percent' USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR UPDATE;
    about := kolony.budget_subject(in_workspace, scope, subject);
    INSERT INTO kolony.budgets AS b (workspace_id, scope, group_id, agent_id, preset_id, command_id, profile_id, period,
        token_limit, usd_limit, warn_percent, hard, set_by)
    VALUES (in_workspace, scope, CASE scope WHEN 'people' THEN about END, CASE scope WHEN 'agent' THEN about END,
        CASE scope WHEN 'preset' THEN about END, CASE scope WHEN 'command' THEN about END,
        CASE scope WHEN 'person' THEN about END, period, token_limit, usd_limit, warn_percent, coalesce(hard, true),
        kolony.my_profile_id())
    ON CONFLICT (workspace_id, scope, subject_id, period) WHERE removed_at IS NULL DO UPDATE SET
        token_limit = EXCLUDED.token_limit, usd_limit = EXCLUDED.usd_limit, warn_percent = EXCLUDED.warn_percent,
        hard = EXCLUDED.hard, set_by = EXCLUDED.set_by
    RETURNING b.budget_id INTO made;
    PERFORM kolony.recount_budget(in_workspace, made);
    PERFORM kolony.record_audit(in_workspace, 'BUDGET_SET', concat_ws(' ', scope, nullif(subject, '')),
        jsonb_build_object('budget_id', made, 'period', period, 'token_limit', token_limit, 'usd_limit', usd_limit,
            'warn_percent', warn_percent, 'hard', hard), CASE scope WHEN 'agent' THEN about END,
        CASE scope WHEN 'command' THEN about END);
    PERFORM kolony.hint(in_workspace, 'usage:*'), kolony.hint(in_workspace, 'agents:*');
    RETURN made;
END
$$;

-- False: it was removed before.
CREATE FUNCTION kolony.remove_budget(the_budget uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    budget kolony.budgets;
    its kolony.budget_overview;
BEGIN
    SELECT * INTO budget FROM kolony.budgets b
    WHERE b.budget_id = the_budget AND b.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such budget here' USING ERRCODE = 'P0002', HINT = 'see kolony budget list';
    END IF;
    PERFORM kolony.require_role(budget.workspace_id, 'admin');
    SELECT * INTO its FROM kolony.budget_overview o
    WHERE o.workspace_id = budget.workspace_id AND o.budget_id = the_budget;
    UPDATE kolony.budgets b SET removed_at = now()
    WHERE b.workspace_id = budget.workspace_id AND b.budget_id = the_budget AND b.removed_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM kolony.record_audit(budget.workspace_id, 'BUDGET_REMOVED', concat_ws(' ', its.scope, its.subject),
        jsonb_build_object('budget_id', the_budget, 'period', its.period, 'token_limit', its.token_limit,
            'usd_limit', its.usd_limit));
    PERFORM kolony.hint(budget.workspace_id, 'usage:*'), kolony.hint(budget.workspace_id, 'agents:*');
    RETURN true;
END
$$;

-- Makes a team of these people, or changes who is in it.
CREATE FUNCTION kolony.set_people_group(in_workspace uuid, called text, logins text[]) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    made uuid;
    people uuid[];
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF called IS NULL OR called <> btrim(called) OR length(called) NOT BETWEEN 1 AND 100
       OR called ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION 'a team''s name is 1 to 100 printable characters' USING ERRCODE = '22023';
    END IF;
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR UPDATE;
    SELECT array_agg(kolony.budget_subject(in_workspace, 'person', l)) INTO people FROM unnest(logins) l;
    INSERT INTO kolony.people_groups AS g (workspace_id, name, made_by) VALUES (in_workspace, called, kolony.my_profile_id())
    ON CONFLICT (workspace_id, name) DO UPDATE SET name = EXCLUDED.name RETURNING g.group_id INTO made;
    DELETE FROM kolony.people_group_members m WHERE m.workspace_id = in_workspace AND m.group_id = made;
    INSERT INTO kolony.people_group_members (workspace_id, group_id, profile_id)
    SELECT DISTINCT in_workspace, made, p FROM unnest(people) p;
    PERFORM kolony.recount_budget(in_workspace, b.budget_id) FROM kolony.budgets b
    WHERE b.workspace_id = in_workspace AND b.group_id = made AND b.removed_at IS NULL;
    PERFORM kolony.record_audit(in_workspace, 'TEAM_SET', called,
        jsonb_build_object('group_id', made, 'people', to_jsonb(logins)));
    PERFORM kolony.hint(in_workspace, 'usage:*'), kolony.hint(in_workspace, 'agents:*');
    RETURN made;
END
$$;

-- Its budgets go with it.
CREATE FUNCTION kolony.remove_people_group(in_workspace uuid, called text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    PERFORM FROM kolony.workspaces w WHERE w.workspace_id = in_workspace FOR UPDATE;
    DELETE FROM kolony.people_groups g WHERE g.workspace_id = in_workspace AND g.name = called;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no team of people "%" here', called
            USING ERRCODE = 'P0002', HINT = 'see kolony budget team list';
    END IF;
    PERFORM kolony.record_audit(in_workspace, 'TEAM_REMOVED', called);
    PERFORM kolony.hint(in_workspace, 'usage:*'), kolony.hint(in_workspace, 'agents:*');
END
$$;

-- The money that a run may still take: the least of what its budgets have left; null where none limits it.
CREATE FUNCTION kolony.budget_brief(home uuid, the_run uuid) RETURNS numeric
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT min(b.usd_left) FROM kolony.runs r
        JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
        CROSS JOIN LATERAL kolony.budgets_on(home, r.agent_id, c.command_id, c.preset_id, c.created_by) b
        WHERE r.workspace_id = home AND r.run_id = the_run AND b.hard);
END
$$;

-- What no budget is left for; runs of nobody else wait for it.
CREATE FUNCTION kolony.why_unpaid(run kolony.runs)
RETURNS TABLE (depth integer, kind text, words text, remedy text, subject_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    empty kolony.budget_overview := kolony.empty_budget(run.workspace_id, run.run_id);
BEGIN
    IF empty.budget_id IS NOT NULL THEN
        RETURN QUERY SELECT 0, 'no_budget', 'no budget left: ' || kolony.budget_words(empty),
            CASE empty.period WHEN 'total' THEN 'raise the budget'
                 ELSE format('raise the budget, or wait for the next %s', empty.period) END, empty.budget_id;
    END IF;
END
$$;

-- As in 0030, and for want of a budget.
CREATE OR REPLACE FUNCTION kolony.why_waiting(the_run uuid)
RETURNS TABLE (depth integer, kind text, words text, remedy text, subject_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    run kolony.runs;
    status text;
BEGIN
    SELECT * INTO run FROM kolony.runs r
    WHERE r.run_id = the_run AND r.workspace_id = ANY (kolony.my_workspace_ids());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such run here' USING ERRCODE = 'P0002', HINT = 'see kolony run list';
    END IF;
    PERFORM kolony.require_role(run.workspace_id, 'viewer');
    SELECT CASE WHEN o.lost THEN 'lost' ELSE o.status END INTO STRICT status FROM kolony.run_overview o
    WHERE o.workspace_id = run.workspace_id AND o.run_id = the_run;
    IF status = 'lost' THEN
        RETURN QUERY SELECT 0, 'lost', 'its runner stopped answering; the next claim takes it back', NULL, the_run;
    ELSIF status <> 'waiting' THEN
        RETURN QUERY SELECT 0, status, format('it does not wait: it is %s', status), NULL, the_run;
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM kolony.why_blocked(run);
    RETURN QUERY SELECT * FROM kolony.why_unpaid(run);
    RETURN QUERY SELECT * FROM kolony.why_agent(run.workspace_id, run.agent_id);
    RETURN QUERY SELECT * FROM kolony.why_queued(run);
END
$$;

-- The leases of a session that are not renewed: their budgets are used up. Notes since when, and ends what has not ended
-- a lease period after its runner was told.
CREATE FUNCTION kolony.refuse_unpaid(home uuid, the_session uuid, lease_seconds integer)
RETURNS TABLE (run_id uuid, attempt_id uuid, why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    held record;
    empty kolony.budget_overview;
    free boolean;
BEGIN
    FOR held IN
        SELECT l.run_id, l.attempt_id, t.over_budget_at FROM kolony.leases l
        JOIN kolony.attempts t ON t.workspace_id = l.workspace_id AND t.attempt_id = l.attempt_id
        WHERE l.workspace_id = home AND l.session_id = the_session ORDER BY l.run_id
    LOOP
        empty := kolony.empty_budget(home, held.run_id);
        CONTINUE WHEN empty.budget_id IS NULL AND held.over_budget_at IS NULL;
        -- Somebody may hold it, who is just ending it; its runner is told all the same.
        PERFORM FROM kolony.runs r
        WHERE r.workspace_id = home AND r.run_id = held.run_id FOR NO KEY UPDATE SKIP LOCKED;
        free := FOUND;
        IF free AND (empty.budget_id IS NULL) <> (held.over_budget_at IS NULL) THEN
            UPDATE kolony.attempts t SET over_budget_at = CASE WHEN empty.budget_id IS NOT NULL THEN now() END
            WHERE t.workspace_id = home AND t.attempt_id = held.attempt_id;
        END IF;
        CONTINUE WHEN empty.budget_id IS NULL;
        why := 'no budget left: ' || kolony.budget_words(empty);
        IF free AND held.over_budget_at < now() - make_interval(secs => lease_seconds) THEN
            UPDATE kolony.attempts t SET limit_hit = 'budget', reason = 'over_budget'
            WHERE t.workspace_id = home AND t.attempt_id = held.attempt_id;
            PERFORM kolony.end_attempt(home, held.attempt_id, 'failed', NULL, NULL,
                why || '; its runner did not end it in time');
            CONTINUE;
        END IF;
        run_id := held.run_id;
        attempt_id := held.attempt_id;
        RETURN NEXT;
    END LOOP;
END
$$;

-- As in 0015. Also: 'over_budget' (a run whose lease is not renewed, because a budget is used up).
CREATE OR REPLACE FUNCTION kolony.beat(the_session uuid, with_health jsonb, holding uuid[])
RETURNS TABLE (what text, run_id uuid, attempt_id uuid, why text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
BEGIN
    UPDATE kolony.agent_sessions s SET last_seen = now(), ready = true, health = coalesce(with_health, s.health)
    WHERE s.workspace_id = session.workspace_id AND s.session_id = the_session AND s.ended_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this session has ended' USING ERRCODE = 'KO001', HINT = 'open a new one';
    END IF;
    -- To the minute is enough for people, and costs a read most of the time.
    UPDATE kolony.agent_tokens t SET last_used_at = now(), last_used_from = inet_client_addr()
    WHERE t.workspace_id = session.workspace_id AND t.token_id = session.token_id
      AND t.last_used_at < now() - interval '1 minute';
    IF EXISTS (SELECT FROM kolony.budgets b WHERE b.workspace_id = session.workspace_id AND b.removed_at IS NULL) THEN
        RETURN QUERY SELECT 'over_budget', u.run_id, u.attempt_id, u.why
        FROM kolony.refuse_unpaid(session.workspace_id, the_session, session.lease_seconds) u;
    END IF;
    RETURN QUERY
    SELECT CASE WHEN r.cancel_at IS NOT NULL THEN 'cancel' ELSE 'interrupt' END, r.run_id, l.attempt_id,
           coalesce(CASE WHEN r.cancel_at IS NOT NULL THEN r.cancel_why ELSE r.interrupt_why END, '')
    FROM kolony.leases l JOIN kolony.runs r ON r.workspace_id = l.workspace_id AND r.run_id = l.run_id
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session
      AND (r.cancel_at IS NOT NULL OR r.interrupt_at IS NOT NULL AND r.interrupt_heard_at IS NULL)
    UNION ALL
    SELECT 'lost', NULL, h, '' FROM unnest(holding) h
    WHERE NOT EXISTS (SELECT FROM kolony.leases l
                      WHERE l.workspace_id = session.workspace_id AND l.attempt_id = h AND l.session_id = the_session)
    UNION ALL
    SELECT 'unknown', l.run_id, l.attempt_id, '' FROM kolony.leases l
    WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session AND l.attempt_id <> ALL (holding)
    UNION ALL
    SELECT 'answered', f.run_id, f.attempt_id, f.approval_id::text
    FROM kolony.answered_for(session.workspace_id, the_session) f
    UNION ALL
    SELECT 'stopped', NULL, NULL, s.why FROM kolony.stops s
    WHERE s.workspace_id = session.workspace_id
      AND s.stop_id = kolony.stop_in_force(session.workspace_id, session.agent_id)
    UNION ALL
    SELECT a.desired, NULL, NULL, a.desired_why FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id AND a.desired <> 'active';
END
$$;

-- What no claim may take: closed, nothing of this agent; or the runs of these commands, presets and people. All null
-- where every budget has something left.
CREATE FUNCTION kolony.unpaid(home uuid, of_agent uuid, OUT closed boolean, OUT commands uuid[], OUT presets uuid[],
    OUT people uuid[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM kolony.budgets b WHERE b.workspace_id = home AND b.removed_at IS NULL) THEN
        RETURN;
    END IF;
    SELECT bool_or(o.scope = 'workspace' OR o.subject_id = of_agent),
           array_agg(o.subject_id) FILTER (WHERE o.scope = 'command'),
           array_agg(o.subject_id) FILTER (WHERE o.scope = 'preset'),
           array_agg(coalesce(m.profile_id, o.subject_id)) FILTER (WHERE o.scope = 'person' OR m.profile_id IS NOT NULL)
    INTO closed, commands, presets, people
    FROM kolony.budget_overview o
    LEFT JOIN kolony.people_group_members m
        ON o.scope = 'people' AND m.workspace_id = home AND m.group_id = o.subject_id
    WHERE o.workspace_id = home AND o.hard AND o.share >= 1;
END
$$;

-- As in 0015, and nothing is given out without budget left.
CREATE OR REPLACE FUNCTION kolony.claim_runs(the_session uuid, up_to integer)
RETURNS TABLE (run_id uuid, attempt_id uuid, attempt integer, command_id uuid, command_number bigint, ordinal integer,
    content text, instructions text, config jsonb, time_limit_ms bigint, max_attempts integer, target_count integer,
    kind text, subjects uuid[], token_budget bigint, memory_limit_mb integer, cpu_limit_percent integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_column
DECLARE
    session kolony.agent_sessions := kolony.my_session(the_session);
    agent kolony.agents;
    room integer;
    got integer;
    unpaid record;
    some_unpaid boolean;
BEGIN
    SELECT * INTO STRICT agent FROM kolony.agents a
    WHERE a.workspace_id = session.workspace_id AND a.agent_id = session.agent_id FOR NO KEY UPDATE;
    IF agent.desired <> 'active' OR NOT kolony.pass_gate(session.workspace_id, session.agent_id) THEN
        RETURN;
    END IF;
    PERFORM FROM kolony.agent_sessions s
    WHERE s.workspace_id = session.workspace_id AND s.session_id = the_session FOR SHARE;
    session := kolony.my_session(the_session);
    PERFORM kolony.settle_lost(session.workspace_id, session.agent_id);
    room := least(up_to, session.concurrency - (SELECT count(*) FROM kolony.leases l
        WHERE l.workspace_id = session.workspace_id AND l.session_id = the_session));
    IF room <= 0 THEN
        RETURN;
    END IF;
    unpaid := kolony.unpaid(session.workspace_id, session.agent_id);
    IF unpaid.closed THEN
        RETURN;
    END IF;
    some_unpaid := num_nonnulls(unpaid.commands, unpaid.presets, unpaid.people) > 0;
    PERFORM kolony.ensure_output_partition(current_date);
    WITH due AS (
        DELETE FROM kolony.scheduled_runs d
        WHERE (d.workspace_id, d.run_id) IN (
            SELECT f.workspace_id, f.run_id FROM kolony.scheduled_runs f
            WHERE f.workspace_id = session.workspace_id AND f.agent_id = session.agent_id AND f.due_at <= now()
            FOR UPDATE SKIP LOCKED)
        RETURNING d.*)
    INSERT INTO kolony.ready_runs (workspace_id, run_id, agent_id, priority, enqueued_at, place, attempt)
    SELECT due.workspace_id, due.run_id, due.agent_id, due.priority, due.due_at, extract(epoch FROM due.due_at), due.attempt
    FROM due;
    RETURN QUERY
    WITH next AS MATERIALIZED (
        SELECT q.run_id FROM kolony.ready_runs q
        WHERE q.workspace_id = session.workspace_id AND q.agent_id = session.agent_id
          AND NOT (some_unpaid AND EXISTS (
              SELECT FROM kolony.runs r
              JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
              WHERE r.workspace_id = q.workspace_id AND r.run_id = q.run_id
                AND (c.command_id = ANY (unpaid.commands) OR c.preset_id = ANY (unpaid.presets)
                     OR c.created_by = ANY (unpaid.people))))
        ORDER BY q.priority DESC, q.place, q.run_id LIMIT room FOR UPDATE SKIP LOCKED),
    taken AS (
        DELETE FROM kolony.ready_runs q USING next
        WHERE q.workspace_id = session.workspace_id AND q.run_id = next.run_id
        RETURNING q.*),
    tried AS (
        INSERT INTO kolony.attempts AS t (workspace_id, run_id, number, agent_id, session_id)
        SELECT taken.workspace_id, taken.run_id, taken.attempt, taken.agent_id, the_session FROM taken
        RETURNING t.*),
    leased AS (
        INSERT INTO kolony.leases (workspace_id, run_id, attempt_id, agent_id, session_id)
        SELECT tried.workspace_id, tried.run_id, tried.attempt_id, tried.agent_id, the_session FROM tried)
    SELECT tried.run_id, tried.attempt_id, tried.number, c.command_id, c.number, r.ordinal, c.content,
           kolony.instructed(agent.instructions, c.kind), agent.config, c.time_limit_ms, c.max_attempts::integer,
           cardinality(c.targets),
           c.kind, c.subjects, c.token_budget, c.memory_limit_mb, c.cpu_limit_percent
    FROM tried
    JOIN taken ON taken.run_id = tried.run_id
    JOIN kolony.runs r ON r.workspace_id = tried.workspace_id AND r.run_id = tried.run_id
    JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    ORDER BY taken.priority DESC, taken.place, taken.run_id;
    GET DIAGNOSTICS got = ROW_COUNT;
    IF got < room THEN
        PERFORM kolony.settle_blocked(session.workspace_id, session.agent_id);
    END IF;
END
$$;

-- As in 0015, with budgets.
CREATE OR REPLACE FUNCTION kolony.audit_limit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.record_audit(NEW.workspace_id,
        CASE NEW.limit_hit WHEN 'time_limit' THEN 'TIME_LIMIT_EXCEEDED' WHEN 'token_budget' THEN 'TOKEN_LIMIT_EXCEEDED'
            WHEN 'memory_limit' THEN 'MEMORY_LIMIT_EXCEEDED' WHEN 'budget' THEN 'BUDGET_EXCEEDED'
            ELSE 'CPU_LIMIT_EXCEEDED' END,
        '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END,
        jsonb_build_object('attempt', NEW.number) || CASE NEW.limit_hit
            WHEN 'time_limit' THEN jsonb_build_object('time_limit_ms', c.time_limit_ms)
            WHEN 'token_budget' THEN jsonb_build_object('token_budget', c.token_budget)
            WHEN 'memory_limit' THEN jsonb_build_object('memory_limit_mb', c.memory_limit_mb)
            WHEN 'budget' THEN jsonb_build_object('why', "left"(NEW.error, 200))
            ELSE jsonb_build_object('cpu_limit_percent', c.cpu_limit_percent) END,
        NEW.agent_id, c.command_id, NEW.run_id)
    FROM kolony.runs r JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
    WHERE r.workspace_id = NEW.workspace_id AND r.run_id = NEW.run_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION kolony.set_budget(uuid, text, text, text, bigint, numeric, integer, boolean) IS
    'admin: set a budget of tokens or money';
COMMENT ON FUNCTION kolony.remove_budget(uuid) IS 'admin: remove a budget';
COMMENT ON FUNCTION kolony.set_people_group(uuid, text, text[]) IS 'admin: say which people share a budget as a team';
COMMENT ON FUNCTION kolony.remove_people_group(uuid, text) IS 'admin: remove a team of people, and its budgets';
GRANT EXECUTE ON FUNCTION kolony.set_budget(uuid, text, text, text, bigint, numeric, integer, boolean),
    kolony.remove_budget(uuid), kolony.set_people_group(uuid, text, text[]), kolony.remove_people_group(uuid, text)
    TO kolony_user;

RESET ROLE;
