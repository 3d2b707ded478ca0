-- How people find their way in a long list: the tags of agents, and views of lists that are kept.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.saved_views (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    view_id      uuid NOT NULL DEFAULT kolony.new_id(),
    profile_id   uuid NOT NULL REFERENCES kolony.profiles,
    list         text NOT NULL CHECK (list ~ '^[a-z][a-z_]{0,39}$'),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    shared       boolean NOT NULL DEFAULT false,
    definition   jsonb NOT NULL CHECK (jsonb_typeof(definition) = 'object' AND pg_column_size(definition) <= 8000),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    PRIMARY KEY (workspace_id, view_id),
    CONSTRAINT view_name_is_trimmed CHECK (name = btrim(name)),
    CONSTRAINT view_name_is_printable CHECK (name !~ '[\u0001-\u001f\u007f-\u009f]')
);
COMMENT ON COLUMN kolony.saved_views.definition IS 'what the list was like: filter, order, columns, groups';
CREATE UNIQUE INDEX saved_views_by_name ON kolony.saved_views (workspace_id, profile_id, list, name)
    WHERE deleted_at IS NULL;
CREATE INDEX saved_views_by_profile ON kolony.saved_views (profile_id);
SELECT kolony.protect('kolony.saved_views');
CREATE TRIGGER stamp_update BEFORE UPDATE ON kolony.saved_views FOR EACH ROW EXECUTE FUNCTION kolony.stamp_update();
CREATE POLICY mine_or_shared ON kolony.saved_views FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[])
           AND (shared OR profile_id = (SELECT kolony.my_profile_id())));
GRANT SELECT ON kolony.saved_views TO kolony_user;

SET LOCAL ROLE kolony_api;

-- As in 0008, with the tags.
CREATE OR REPLACE FUNCTION kolony.audit_agent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed jsonb;
    hidden text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CREATED', NEW.name,
            jsonb_build_object('type', NEW.type, 'category', NEW.category), NEW.agent_id);
        RETURN NULL;
    END IF;
    IF NEW.desired <> OLD.desired THEN
        PERFORM kolony.record_audit(NEW.workspace_id,
            CASE NEW.desired WHEN 'paused' THEN 'AGENT_PAUSED' WHEN 'retired' THEN 'AGENT_RETIRED'
                             ELSE 'AGENT_RESUMED' END, NEW.name,
            jsonb_build_object('before', OLD.desired, 'reason', "left"(NEW.desired_why, 200)), NEW.agent_id);
    END IF;
    changed := kolony.changed_facts(to_jsonb(OLD), to_jsonb(NEW), ARRAY['name', 'type', 'category', 'icon', 'tags']);
    -- That these changed, and no more: they are long, and a config may hold a password.
    FOREACH hidden IN ARRAY ARRAY['description', 'instructions', 'config'] LOOP
        IF to_jsonb(OLD) -> hidden IS DISTINCT FROM to_jsonb(NEW) -> hidden THEN
            changed := changed || jsonb_build_object(hidden, 'changed');
        END IF;
    END LOOP;
    IF changed <> '{}' THEN
        PERFORM kolony.record_audit(NEW.workspace_id, 'AGENT_CHANGED', NEW.name, changed, NEW.agent_id);
    END IF;
    RETURN NULL;
END
$$;

-- Gives agents these tags and takes those away; answers with how many agents that changed.
CREATE FUNCTION kolony.tag_agents(the_agents uuid[], put_on text[], take_off text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
    each record;
    changed integer := 0;
    wanted text[];
BEGIN
    SELECT w INTO wrong FROM unnest(put_on || take_off) w WHERE NOT kolony.are_tags(ARRAY[w]) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '"%" is no tag', "left"(wrong, 60) USING ERRCODE = '22023',
            HINT = 'a tag is 1 to 40 letters, digits and . _ : / - and begins with a letter or digit';
    END IF;
    IF NOT coalesce(the_agents <@ ARRAY(SELECT a.agent_id FROM kolony.agents a
            WHERE a.agent_id = ANY (the_agents) AND a.workspace_id = ANY (kolony.my_workspace_ids())), false) THEN
        RAISE EXCEPTION 'there is no such agent here' USING ERRCODE = 'P0002', HINT = 'see kolony agent list';
    END IF;
    FOR each IN
        SELECT a.workspace_id, a.agent_id, a.tags, a.name FROM kolony.agents a
        WHERE a.agent_id = ANY (the_agents) ORDER BY a.agent_id FOR NO KEY UPDATE
    LOOP
        PERFORM kolony.require_role(each.workspace_id, 'operator');
        SELECT coalesce(array_agg(DISTINCT t ORDER BY t), '{}') INTO wanted FROM unnest(each.tags || put_on) t
        WHERE t <> ALL (take_off);
        IF cardinality(wanted) > 50 THEN
            RAISE EXCEPTION 'the agent "%" would have more than 50 tags', each.name USING ERRCODE = '54000';
        END IF;
        CONTINUE WHEN wanted = each.tags;
        UPDATE kolony.agents a SET tags = wanted WHERE a.workspace_id = each.workspace_id AND a.agent_id = each.agent_id;
        changed := changed + 1;
        IF changed = 1 THEN
            PERFORM kolony.hint(each.workspace_id, CASE WHEN cardinality(the_agents) = 1
                THEN 'agent:' || each.agent_id ELSE 'agents:*' END);
        END IF;
    END LOOP;
    RETURN changed;
END
$$;

-- Keeps a view under a name of one's own; one that has the name already becomes this one. Sharing takes an operator.
CREATE FUNCTION kolony.save_view(in_workspace uuid, of_list text, with_name text, what jsonb,
    with_others boolean DEFAULT false) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM kolony.require_role(in_workspace, CASE WHEN with_others THEN 'operator' ELSE 'viewer' END);
    IF jsonb_typeof(what) IS DISTINCT FROM 'object' OR pg_column_size(what) > 8000 THEN
        RAISE EXCEPTION 'a view is a JSON object of at most 8000 bytes' USING ERRCODE = '22023';
    END IF;
    IF coalesce(length(with_name), 0) NOT BETWEEN 1 AND 60 OR with_name <> btrim(with_name)
       OR with_name ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION 'the name of a view has 1 to 60 printable characters' USING ERRCODE = '22023';
    END IF;
    IF of_list IS NULL OR of_list !~ '^[a-z][a-z_]{0,39}$' THEN
        RAISE EXCEPTION 'there is no such list' USING ERRCODE = '22023';
    END IF;
    IF (SELECT count(*) FROM kolony.saved_views v WHERE v.workspace_id = in_workspace AND v.deleted_at IS NULL
        AND v.profile_id = kolony.my_profile_id()) >= 500 THEN
        RAISE EXCEPTION 'nobody keeps more than 500 views' USING ERRCODE = '54000', HINT = 'delete some';
    END IF;
    INSERT INTO kolony.saved_views AS v (workspace_id, profile_id, list, name, definition, shared)
    VALUES (in_workspace, kolony.my_profile_id(), of_list, with_name, what, with_others)
    ON CONFLICT (workspace_id, profile_id, list, name) WHERE deleted_at IS NULL
    DO UPDATE SET definition = excluded.definition, shared = excluded.shared
    RETURNING v.view_id INTO made;
    PERFORM kolony.hint(in_workspace, 'view:' || made);
    RETURN made;
END
$$;

-- One's own view, or as an admin a shared one of somebody else.
CREATE FUNCTION kolony.delete_view(the_view uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view kolony.saved_views;
BEGIN
    SELECT * INTO view FROM kolony.saved_views v
    WHERE v.view_id = the_view AND v.workspace_id = ANY (kolony.my_workspace_ids()) AND v.deleted_at IS NULL
      AND (v.shared OR v.profile_id = kolony.my_profile_id()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such view' USING ERRCODE = 'P0002', HINT = 'see kolony view list';
    END IF;
    PERFORM kolony.require_role(view.workspace_id,
        CASE WHEN view.profile_id = kolony.my_profile_id() THEN 'viewer' ELSE 'admin' END);
    UPDATE kolony.saved_views v SET deleted_at = now()
    WHERE v.workspace_id = view.workspace_id AND v.view_id = the_view;
    PERFORM kolony.remember_undo(view.workspace_id, 'delete_view', view.name, jsonb_build_object('view_id', the_view));
    PERFORM kolony.hint(view.workspace_id, 'view:' || the_view);
END
$$;

CREATE FUNCTION kolony.undo_delete_view(home uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE kolony.saved_views v SET deleted_at = NULL
    WHERE v.workspace_id = home AND v.view_id = (facts ->> 'view_id')::uuid;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'another view has this name by now' USING ERRCODE = '55000';
END
$$;

COMMENT ON FUNCTION kolony.tag_agents(uuid[], text[], text[]) IS 'operator: give agents tags, or take them away';
COMMENT ON FUNCTION kolony.save_view(uuid, text, text, jsonb, boolean) IS
    'viewer: keep a view of a list; an operator may share it';
COMMENT ON FUNCTION kolony.delete_view(uuid) IS 'viewer: delete a view of one''s own; an admin a shared one';
GRANT EXECUTE ON FUNCTION kolony.tag_agents(uuid[], text[], text[]), kolony.save_view(uuid, text, text, jsonb, boolean),
    kolony.delete_view(uuid) TO kolony_user;

SET LOCAL ROLE kolony_owner;

-- As run_listed (0023), for agents: by sets, which is what counts, searches and orders of thousands take. The same words
-- as agent_overview, whose rows are what is shown; a test compares the two.
CREATE VIEW kolony.agent_listed WITH (security_invoker = true) AS
SELECT a.workspace_id, a.agent_id, a.name, a.type, a.category, a.description, a.tags, a.desired, a.created_at,
       c.login AS created_by_login,
       coalesce(live.sessions, 0) AS sessions, coalesce(live.slots, 0) AS slots, coalesce(work.running, 0) AS running,
       coalesce(queue.ready, 0) AS ready, coalesce(later.scheduled, 0) AS scheduled,
       coalesce(held_up.blocked, 0) AS blocked,
       (SELECT s.host FROM kolony.agent_sessions s
        WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id ORDER BY s.session_id DESC LIMIT 1) AS host,
       (SELECT s.version FROM kolony.agent_sessions s
        WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id ORDER BY s.session_id DESC LIMIT 1) AS version,
       (SELECT s.adapter FROM kolony.agent_sessions s
        WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id ORDER BY s.session_id DESC LIMIT 1) AS adapter,
       (SELECT s.health FROM kolony.agent_sessions s
        WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id ORDER BY s.session_id DESC LIMIT 1) AS health,
       (SELECT s.last_seen FROM kolony.agent_sessions s
        WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id ORDER BY s.session_id DESC LIMIT 1) AS last_seen,
       CASE WHEN live.sessions > 0 AND work.running > 0 THEN 'busy'
            WHEN live.sessions > 0 AND NOT live.ready THEN 'connecting'
            WHEN live.sessions > 0 THEN 'online'
            WHEN (SELECT s.end_error FROM kolony.agent_sessions s
                  WHERE s.workspace_id = a.workspace_id AND s.agent_id = a.agent_id
                  ORDER BY s.session_id DESC LIMIT 1) THEN 'error'
            ELSE 'offline' END AS status,
       CASE WHEN work.running > 0 THEN 'processing'
            WHEN queue.ready > 0 OR later.scheduled > 0 OR held_up.blocked > 0 THEN 'queued'
            ELSE 'idle' END AS activity
FROM kolony.agents a
LEFT JOIN kolony.profiles c ON c.profile_id = a.created_by
LEFT JOIN (
    SELECT s.workspace_id, s.agent_id, count(*) AS sessions, sum(s.concurrency) AS slots, bool_or(s.ready) AS ready
    FROM kolony.agent_sessions s
    WHERE s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= now()
    GROUP BY s.workspace_id, s.agent_id) live ON live.workspace_id = a.workspace_id AND live.agent_id = a.agent_id
LEFT JOIN (
    SELECT l.workspace_id, l.agent_id, count(*) AS running FROM kolony.leases l
    JOIN kolony.agent_sessions s ON s.workspace_id = l.workspace_id AND s.session_id = l.session_id
    WHERE s.ended_at IS NULL AND s.last_seen + make_interval(secs => s.lease_seconds) >= now()
    GROUP BY l.workspace_id, l.agent_id) work ON work.workspace_id = a.workspace_id AND work.agent_id = a.agent_id
LEFT JOIN (
    SELECT q.workspace_id, q.agent_id, count(*) AS ready FROM kolony.ready_runs q
    GROUP BY q.workspace_id, q.agent_id) queue ON queue.workspace_id = a.workspace_id AND queue.agent_id = a.agent_id
LEFT JOIN (
    SELECT q.workspace_id, q.agent_id, count(*) AS scheduled FROM kolony.scheduled_runs q
    GROUP BY q.workspace_id, q.agent_id) later ON later.workspace_id = a.workspace_id AND later.agent_id = a.agent_id
LEFT JOIN (
    SELECT q.workspace_id, q.agent_id, count(*) AS blocked FROM kolony.blocked_runs q
    GROUP BY q.workspace_id, q.agent_id) held_up
    ON held_up.workspace_id = a.workspace_id AND held_up.agent_id = a.agent_id;

GRANT SELECT ON kolony.agent_listed TO kolony_user, kolony_api;

RESET ROLE;
