-- Presets: saved commands with typed variables, and every version of them; 0031 fills them in.
--
-- A preset is its owner's alone until it is shared. What it says stands in its versions, which are never changed: a
-- change makes the next one, going back to one makes another with the same content. Presets are locked last of all.

SET LOCAL ROLE kolony_owner;

CREATE TABLE kolony.presets (
    workspace_id uuid NOT NULL REFERENCES kolony.workspaces,
    preset_id    uuid NOT NULL DEFAULT kolony.new_id(),
    owner_id     uuid NOT NULL REFERENCES kolony.profiles,
    name         text NOT NULL,
    shared       boolean NOT NULL DEFAULT false,
    version      integer NOT NULL DEFAULT 1 CHECK (version > 0),
    used_count   bigint NOT NULL DEFAULT 0,
    last_used_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    PRIMARY KEY (workspace_id, preset_id),
    CONSTRAINT preset_name_has_a_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT preset_name_is_printable CHECK (name = btrim(name) AND name !~ '[\u0001-\u001f\u007f-\u009f]')
);
CREATE UNIQUE INDEX preset_name_is_free ON kolony.presets (workspace_id, owner_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX shared_preset_name_is_free ON kolony.presets (workspace_id, name)
    WHERE shared AND deleted_at IS NULL;
CREATE INDEX presets_by_owner ON kolony.presets (owner_id);

CREATE TABLE kolony.preset_versions (
    workspace_id  uuid NOT NULL,
    preset_id     uuid NOT NULL,
    version       integer NOT NULL CHECK (version > 0),
    description   text NOT NULL DEFAULT '' CHECK (length(description) <= 10000),
    content       text NOT NULL CHECK (content ~ '\S' AND octet_length(content) <= 4194304),
    kind          text NOT NULL DEFAULT 'natural'
                  CHECK (kind IN ('natural', 'investigate', 'review', 'plan', 'synthesize')),
    priority      smallint NOT NULL DEFAULT 50 CHECK (priority BETWEEN 0 AND 100),
    target_words  text NOT NULL DEFAULT '' CHECK (length(target_words) <= 10000),
    constraint_id uuid,
    variables     jsonb NOT NULL DEFAULT '[]'
                  CHECK (jsonb_typeof(variables) = 'array' AND pg_column_size(variables) <= 100000),
    changed_by    uuid NOT NULL REFERENCES kolony.profiles,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, preset_id, version),
    FOREIGN KEY (workspace_id, preset_id) REFERENCES kolony.presets,
    FOREIGN KEY (workspace_id, constraint_id) REFERENCES kolony.constraint_profiles
);
CREATE INDEX preset_versions_by_changer ON kolony.preset_versions (changed_by);
CREATE INDEX preset_versions_by_constraint ON kolony.preset_versions (workspace_id, constraint_id)
    WHERE constraint_id IS NOT NULL;

-- Not forced while the owner, whose statement checks the foreign key, looks at what is there.
ALTER TABLE kolony.commands NO FORCE ROW LEVEL SECURITY;
ALTER TABLE kolony.commands
    ADD FOREIGN KEY (workspace_id, preset_id, preset_version) REFERENCES kolony.preset_versions;
ALTER TABLE kolony.commands FORCE ROW LEVEL SECURITY;
CREATE INDEX commands_by_preset ON kolony.commands (workspace_id, preset_id, preset_version)
    WHERE preset_id IS NOT NULL;

SELECT kolony.protect('kolony.presets');
SELECT kolony.protect('kolony.preset_versions');

SET LOCAL ROLE kolony_api;

-- Which presets I may see: mine, and what is shared where I am.
CREATE FUNCTION kolony.my_preset_ids() RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT p.preset_id FROM kolony.presets p
                 WHERE p.workspace_id = ANY (kolony.my_workspace_ids())
                   AND (p.shared OR p.owner_id = kolony.my_profile_id()));
END
$$;
COMMENT ON FUNCTION kolony.my_preset_ids() IS 'anyone: ask which presets you may see';
GRANT EXECUTE ON FUNCTION kolony.my_preset_ids() TO kolony_user, kolony_backup;

SET LOCAL ROLE kolony_owner;

CREATE POLICY reader ON kolony.presets FOR SELECT
    USING (workspace_id = ANY ((SELECT kolony.my_workspace_ids())::uuid[])
           AND (shared OR owner_id = (SELECT kolony.my_profile_id())));
COMMENT ON POLICY reader ON kolony.presets IS 'viewer: see your presets and those that are shared';
CREATE POLICY reader ON kolony.preset_versions FOR SELECT
    USING (preset_id = ANY ((SELECT kolony.my_preset_ids())::uuid[]));
COMMENT ON POLICY reader ON kolony.preset_versions IS 'viewer: see every version of those presets';
GRANT SELECT ON kolony.presets, kolony.preset_versions TO kolony_user;

CREATE VIEW kolony.preset_overview WITH (security_invoker = true) AS
SELECT p.workspace_id, p.preset_id, p.name, p.shared, p.owner_id, o.login AS owner_login,
       p.owner_id = kolony.my_profile_id() AS mine, p.version, v.description, v.content, v.kind, v.priority,
       v.target_words, v.constraint_id, c.name AS constraint_name, v.variables, v.changed_at, e.login AS changed_by_login,
       p.created_at, p.used_count, p.last_used_at
FROM kolony.presets p
JOIN kolony.preset_versions v USING (workspace_id, preset_id, version)
LEFT JOIN kolony.constraint_profiles c ON c.workspace_id = v.workspace_id AND c.constraint_id = v.constraint_id
LEFT JOIN kolony.profiles o ON o.profile_id = p.owner_id
LEFT JOIN kolony.profiles e ON e.profile_id = v.changed_by
WHERE p.deleted_at IS NULL;
GRANT SELECT ON kolony.preset_overview TO kolony_user;

SET LOCAL ROLE kolony_api;

-- One variable of a preset: its shape, and a default that could be given as a value.
CREATE FUNCTION kolony.check_preset_variable(variable jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_name text := variable ->> 'name';
    its_type text := variable ->> 'type';
    odd text;
BEGIN
    IF jsonb_typeof(variable) <> 'object' OR coalesce(its_name, '') !~ '^[A-Za-z_][A-Za-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'a variable has a name of a-z, 0-9 and "_" that begins with no digit, not %',
            "left"(coalesce(its_name, variable::text), 80) USING ERRCODE = '22023';
    END IF;
    IF coalesce(its_type, '') NOT IN ('text', 'number', 'choice', 'agent', 'run') THEN
        RAISE EXCEPTION 'the variable "%" is of no known type', its_name
            USING ERRCODE = '22023', HINT = 'there are text, number, choice, agent and run';
    END IF;
    SELECT k INTO odd FROM jsonb_each(variable) AS each (k, v)
    WHERE CASE k WHEN 'name' THEN false WHEN 'type' THEN false
               WHEN 'required' THEN jsonb_typeof(v) <> 'boolean'
               WHEN 'default' THEN jsonb_typeof(v) NOT IN ('string', 'null')
               WHEN 'help' THEN jsonb_typeof(v) <> 'string' OR length(v #>> '{}') > 1000
               WHEN 'choices' THEN its_type <> 'choice' OR jsonb_typeof(v) <> 'array'
               ELSE true END LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'the variable "%" has a "%" that cannot be', its_name, "left"(odd, 80)
            USING ERRCODE = '22023', HINT = 'it may have default, required, choices (of a choice) and help';
    END IF;
    IF its_type = 'choice' AND (jsonb_array_length(coalesce(variable -> 'choices', '[]')) NOT BETWEEN 1 AND 100
        OR EXISTS (SELECT FROM jsonb_array_elements(variable -> 'choices') c
                   WHERE jsonb_typeof(c) <> 'string' OR length(c #>> '{}') NOT BETWEEN 1 AND 500))
    THEN
        RAISE EXCEPTION 'the choice "%" needs 1 to 100 words to choose from', its_name USING ERRCODE = '22023';
    END IF;
    IF its_type IN ('number', 'choice') THEN
        PERFORM kolony.checked_value(NULL, variable, variable ->> 'default');
    END IF;
END
$$;

-- A value as it is put in. ``home`` null: a default, of which only the form is looked at.
CREATE FUNCTION kolony.checked_value(home uuid, variable jsonb, value text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_name text := variable ->> 'name';
    parts text[];
    matching integer;
BEGIN
    IF coalesce(value, '') = '' THEN
        RETURN '';
    END IF;
    CASE variable ->> 'type'
        WHEN 'number' THEN
            IF value !~ '^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$' THEN
                RAISE EXCEPTION '"%" is a number, not "%"', its_name, "left"(value, 80) USING ERRCODE = '22023';
            END IF;
        WHEN 'choice' THEN
            IF NOT variable -> 'choices' ? value THEN
                RAISE EXCEPTION '"%" cannot be "%"', its_name, "left"(value, 80) USING ERRCODE = '22023',
                    HINT = "left"('it is one of ' || (SELECT string_agg(c, ', ')
                        FROM jsonb_array_elements_text(variable -> 'choices') c), 500);
            END IF;
        WHEN 'agent' THEN
            IF NOT EXISTS (SELECT FROM kolony.agents a WHERE a.workspace_id = home AND a.name = value) THEN
                RAISE EXCEPTION '"%": there is no agent "%" here', its_name, "left"(value, 100)
                    USING ERRCODE = '22023', HINT = 'see kolony agent list';
            END IF;
        WHEN 'run' THEN
            -- Without its "#", which a shell would take for the beginning of a comment.
            parts := regexp_match(value, '^\s*#?([0-9]{1,18})(?:\.([0-9]{1,9}))?\s*$');
            SELECT count(*) INTO matching FROM kolony.commands c
            JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
            WHERE c.workspace_id = home AND c.number = parts[1]::bigint
              AND (parts[2] IS NULL OR r.ordinal = parts[2]::integer);
            IF matching = 0 THEN
                RAISE EXCEPTION '"%": there is no run "%" here', its_name, "left"(value, 80)
                    USING ERRCODE = '22023', HINT = 'give its number, for example 12 or 12.3';
            ELSIF matching > 1 THEN
                RAISE EXCEPTION '"%": command % has several runs', its_name, parts[1]
                    USING ERRCODE = '22023', HINT = format('say which, for example %s.1', parts[1]);
            END IF;
            RETURN parts[1] || coalesce('.' || parts[2], '');
        ELSE
            NULL;
    END CASE;
    RETURN value;
END
$$;

-- The placeholders of a text in their order: name and filter. {{name}} and {{name|filter}}, blanks inside allowed.
CREATE FUNCTION kolony.placeholders(content text) RETURNS TABLE (place bigint, name text, filter text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.place, m.found[1], m.found[2]
    FROM regexp_matches(content, '\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,62})\s*(?:\|\s*([a-z]{1,20})\s*)?\}\}', 'g')
         WITH ORDINALITY AS m (found, place)
$$;

CREATE FUNCTION kolony.check_preset(its kolony.preset_versions) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    odd record;
BEGIN
    PERFORM kolony.check_content(its.content);
    IF length(its.description) > 10000 OR length(its.target_words) > 10000 THEN
        RAISE EXCEPTION 'a description and a target have at most 10000 characters' USING ERRCODE = '22023';
    END IF;
    IF its.kind NOT IN ('natural', 'investigate', 'review', 'plan', 'synthesize') THEN
        RAISE EXCEPTION 'there is no kind "%"', "left"(its.kind, 80)
            USING ERRCODE = '22023', HINT = 'there are natural, investigate, review, plan and synthesize';
    END IF;
    IF its.priority NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'a priority is 0 to 100, not %', its.priority USING ERRCODE = '22023';
    END IF;
    IF jsonb_typeof(its.variables) <> 'array' OR jsonb_array_length(its.variables) > 50
       OR pg_column_size(its.variables) > 100000
    THEN
        RAISE EXCEPTION 'a preset has a list of at most 50 variables' USING ERRCODE = '22023';
    END IF;
    PERFORM kolony.check_preset_variable(v) FROM jsonb_array_elements(its.variables) v;
    SELECT v ->> 'name' AS name INTO odd FROM jsonb_array_elements(its.variables) v
    GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there are two variables "%"', odd.name USING ERRCODE = '22023';
    END IF;
    SELECT * INTO odd FROM kolony.placeholders(its.content) p
    WHERE p.filter <> 'sh' OR NOT EXISTS (SELECT FROM jsonb_array_elements(its.variables) v
                                          WHERE v ->> 'name' = p.name) ORDER BY p.place LIMIT 1;
    IF odd.filter <> 'sh' THEN
        RAISE EXCEPTION '{{%|%}} cannot be: there is no "%"', odd.name, odd.filter, odd.filter
            USING ERRCODE = '22023', HINT = '{{name|sh}} quotes a value for a shell';
    ELSIF odd.name IS NOT NULL THEN
        RAISE EXCEPTION 'the text has {{%}}, and there is no variable "%"', odd.name, odd.name
            USING ERRCODE = '22023', HINT = 'say what it is: text, number, choice, agent or run';
    END IF;
END
$$;

-- ``before`` with what ``changes`` says instead; a key of another name is refused.
CREATE FUNCTION kolony.changed_preset(before kolony.preset_versions, changes jsonb) RETURNS kolony.preset_versions
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    after_it kolony.preset_versions := before;
    odd text;
BEGIN
    SELECT k INTO odd FROM jsonb_object_keys(changes) k
    WHERE k NOT IN ('content', 'description', 'kind', 'priority', 'target_words', 'constraint_id', 'variables') LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'a preset has no "%"', "left"(odd, 80) USING ERRCODE = '22023',
            HINT = 'it has content, description, kind, priority, target_words, constraint_id and variables';
    END IF;
    BEGIN
        after_it.priority := coalesce((changes ->> 'priority')::smallint, before.priority);
        after_it.constraint_id := CASE WHEN changes ? 'constraint_id' THEN (changes ->> 'constraint_id')::uuid
                                       ELSE before.constraint_id END;
    EXCEPTION WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        RAISE EXCEPTION 'a priority is a number from 0 to 100, and a constraint is named by its id'
            USING ERRCODE = '22023';
    END;
    after_it.content := coalesce(changes ->> 'content', before.content);
    after_it.description := coalesce(changes ->> 'description', before.description);
    after_it.kind := coalesce(changes ->> 'kind', before.kind);
    after_it.target_words := coalesce(changes ->> 'target_words', before.target_words);
    after_it.variables := coalesce(changes -> 'variables', before.variables);
    PERFORM kolony.check_preset(after_it);
    -- One that was deleted meanwhile does not stand in the way of another change.
    IF after_it.constraint_id <> coalesce(before.constraint_id, '00000000-0000-0000-0000-000000000000')
       AND NOT EXISTS (SELECT FROM kolony.constraint_profiles c WHERE c.workspace_id = before.workspace_id
                         AND c.constraint_id = after_it.constraint_id AND c.deleted_at IS NULL)
    THEN
        RAISE EXCEPTION 'there is no such constraint profile here'
            USING ERRCODE = 'P0002', HINT = 'see kolony constraint list';
    END IF;
    RETURN after_it;
END
$$;

-- Writes a preset (and with ``says`` its new version), what was done to it, and tells whoever listens.
CREATE FUNCTION kolony.keep_preset(preset kolony.presets, says kolony.preset_versions, event text, facts jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF preset.name IS NULL OR length(preset.name) NOT BETWEEN 1 AND 100 OR preset.name <> btrim(preset.name)
       OR preset.name ~ '[\u0001-\u001f\u007f-\u009f]'
    THEN
        RAISE EXCEPTION 'a preset''s name is 1 to 100 printable characters without blanks at its ends'
            USING ERRCODE = '22023', HINT = 'choose another name';
    END IF;
    BEGIN
        INSERT INTO kolony.presets SELECT preset.* ON CONFLICT (workspace_id, preset_id) DO UPDATE
        SET name = EXCLUDED.name, shared = EXCLUDED.shared, version = EXCLUDED.version, deleted_at = EXCLUDED.deleted_at;
    EXCEPTION WHEN unique_violation THEN
        RAISE EXCEPTION 'there is a preset "%" already, of %', preset.name,
            CASE WHEN preset.owner_id = kolony.my_profile_id() THEN 'yours or a shared one' ELSE 'its owner' END
            USING ERRCODE = '23505', HINT = 'choose another name';
    END;
    IF says.version IS NOT NULL THEN
        says.changed_by := kolony.my_profile_id();
        says.changed_at := now();
        INSERT INTO kolony.preset_versions SELECT says.*;
    END IF;
    PERFORM kolony.record_audit(preset.workspace_id, event, preset.name,
        facts || jsonb_build_object('preset_id', preset.preset_id));
    PERFORM kolony.hint(preset.workspace_id, 'preset:' || preset.preset_id);
END
$$;

-- A preset of mine, or a shared one; locked for a step on it, where ``to_change`` is asked for: by its owner, who is an
-- operator at least, or by an admin.
CREATE FUNCTION kolony.preset_for_step(the_preset uuid, to_change boolean) RETURNS kolony.presets
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets;
BEGIN
    SELECT * INTO preset FROM kolony.presets p
    WHERE p.preset_id = the_preset AND p.preset_id = ANY (kolony.my_preset_ids()) AND p.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such preset here' USING ERRCODE = 'P0002', HINT = 'see kolony preset list';
    END IF;
    PERFORM kolony.require_role(preset.workspace_id, CASE WHEN to_change THEN 'operator' ELSE 'viewer' END);
    IF to_change THEN
        SELECT * INTO preset FROM kolony.presets p
        WHERE p.workspace_id = preset.workspace_id AND p.preset_id = the_preset AND p.deleted_at IS NULL
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no such preset here' USING ERRCODE = 'P0002', HINT = 'see kolony preset list';
        END IF;
        IF preset.owner_id <> kolony.my_profile_id() AND NOT kolony.holds_role(preset.workspace_id, 'admin') THEN
            RAISE EXCEPTION 'the preset "%" is %''s', preset.name,
                (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = preset.owner_id)
                USING ERRCODE = '42501', HINT = 'its owner or an admin may change it; make a preset of your own';
        END IF;
    END IF;
    RETURN preset;
END
$$;

CREATE FUNCTION kolony.make_preset(in_workspace uuid, new_name text, content text, details jsonb DEFAULT '{}',
    as_shared boolean DEFAULT false) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets;
    says kolony.preset_versions;
BEGIN
    PERFORM kolony.require_role(in_workspace, 'operator');
    preset := ROW(in_workspace, kolony.new_id(), kolony.my_profile_id(), new_name, coalesce(as_shared, false), 1, 0,
        NULL, now(), NULL);
    says := ROW(in_workspace, preset.preset_id, 1, '', content, 'natural', 50, '', NULL, '[]', NULL, NULL);
    says := kolony.changed_preset(says, coalesce(details, '{}') - 'content');
    PERFORM kolony.keep_preset(preset, says, 'PRESET_CREATED', jsonb_build_object('shared', preset.shared));
    RETURN preset.preset_id;
END
$$;

-- Makes the next version, or renames. ``changes`` holds what is to be different; ``expected``: the version that the
-- person looked at, so that nobody undoes what they have not seen. Answers with the version that it is then.
CREATE FUNCTION kolony.change_preset(the_preset uuid, changes jsonb, expected integer DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
    old_name text := preset.name;
    before kolony.preset_versions;
    says kolony.preset_versions;
    facts jsonb;
BEGIN
    SELECT * INTO STRICT before FROM kolony.preset_versions v WHERE v.workspace_id = preset.workspace_id
        AND v.preset_id = the_preset AND v.version = preset.version;
    IF expected <> preset.version THEN
        RAISE EXCEPTION '"%" was changed by % meanwhile: it is version % now', preset.name,
            (SELECT p.login FROM kolony.profiles p WHERE p.profile_id = before.changed_by), preset.version
            USING ERRCODE = '55000', HINT = 'look at it again';
    END IF;
    preset.name := coalesce(changes ->> 'name', preset.name);
    says := kolony.changed_preset(before, changes - 'name');
    IF says = before AND preset.name = old_name THEN
        RETURN preset.version;
    END IF;
    preset.version := preset.version + (says <> before)::integer;
    -- That the texts changed, and no more: a private one is nobody else's business.
    facts := kolony.changed_facts(
        to_jsonb(before) || jsonb_build_object('name', old_name),
        to_jsonb(says) || jsonb_build_object('name', preset.name, 'version', preset.version),
        ARRAY['name', 'version', 'kind', 'priority']);
    says.version := nullif(preset.version, before.version); -- a new name alone is no new version
    PERFORM kolony.keep_preset(preset, says, 'PRESET_CHANGED', facts);
    RETURN preset.version;
END
$$;

-- Makes a version that says what an earlier one said.
CREATE FUNCTION kolony.restore_preset_version(the_preset uuid, the_version integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
    earlier kolony.preset_versions;
BEGIN
    SELECT * INTO earlier FROM kolony.preset_versions v WHERE v.workspace_id = preset.workspace_id
        AND v.preset_id = the_preset AND v.version = the_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" has no version %', preset.name, the_version
            USING ERRCODE = 'P0002', HINT = format('it has 1 to %s', preset.version);
    END IF;
    RETURN kolony.change_preset(the_preset, to_jsonb(earlier)
        - ARRAY['workspace_id', 'preset_id', 'version', 'changed_by', 'changed_at']);
END
$$;

CREATE FUNCTION kolony.share_preset(the_preset uuid, with_everyone boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
BEGIN
    IF preset.shared <> with_everyone THEN
        preset.shared := with_everyone;
        PERFORM kolony.keep_preset(preset, NULL, 'PRESET_CHANGED', jsonb_build_object('shared', with_everyone));
    END IF;
END
$$;

CREATE FUNCTION kolony.delete_preset(the_preset uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, true);
BEGIN
    preset.deleted_at := now();
    PERFORM kolony.keep_preset(preset, NULL, 'PRESET_DELETED', '{}');
    PERFORM kolony.remember_undo(preset.workspace_id, 'delete_preset', format('preset "%s" deleted', preset.name),
        jsonb_build_object('preset_id', the_preset));
END
$$;

-- For kolony.undo, which has seen to it that the step is the caller's own and a short time ago.
CREATE FUNCTION kolony.undo_delete_preset(home uuid, facts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets;
BEGIN
    SELECT * INTO preset FROM kolony.presets p
    WHERE p.workspace_id = home AND p.preset_id = (facts ->> 'preset_id')::uuid FOR NO KEY UPDATE;
    IF preset.deleted_at IS NULL THEN
        RAISE EXCEPTION 'that preset is not deleted any more' USING ERRCODE = '55000';
    END IF;
    preset.deleted_at := NULL;
    PERFORM kolony.keep_preset(preset, NULL, 'PRESET_CREATED', jsonb_build_object('undone', true));
END
$$;

COMMENT ON FUNCTION kolony.make_preset(uuid, text, text, jsonb, boolean) IS 'operator: make a preset';
COMMENT ON FUNCTION kolony.change_preset(uuid, jsonb, integer) IS
    'operator: change a preset of yours; an admin changes any shared one';
COMMENT ON FUNCTION kolony.restore_preset_version(uuid, integer) IS 'operator: go back to an earlier version of a preset';
COMMENT ON FUNCTION kolony.share_preset(uuid, boolean) IS 'operator: share a preset with everyone here, or keep it private';
COMMENT ON FUNCTION kolony.delete_preset(uuid) IS 'operator: delete a preset';
GRANT EXECUTE ON FUNCTION kolony.make_preset(uuid, text, text, jsonb, boolean),
    kolony.change_preset(uuid, jsonb, integer), kolony.restore_preset_version(uuid, integer),
    kolony.share_preset(uuid, boolean), kolony.delete_preset(uuid) TO kolony_user;

RESET ROLE;
