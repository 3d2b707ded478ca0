-- Presets are filled in: values in the places of their variables; and their use is counted.

SET LOCAL ROLE kolony_api;

-- The text of a preset with the values in their places. One pass over the text: what a value holds is never looked
-- through for placeholders again. ``partly``: what is missing stays as a placeholder, for a preview.
CREATE FUNCTION kolony.fill_preset(the_preset uuid, given jsonb DEFAULT '{}', of_version integer DEFAULT NULL,
    partly boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    preset kolony.presets := kolony.preset_for_step(the_preset, false);
    its kolony.preset_versions;
    variable jsonb;
    odd text;
    value text;
    filled jsonb := '{}';
    pieces text[];
BEGIN
    SELECT * INTO its FROM kolony.preset_versions v WHERE v.workspace_id = preset.workspace_id
        AND v.preset_id = the_preset AND v.version = coalesce(of_version, preset.version);
    IF NOT FOUND THEN
        RAISE EXCEPTION '"%" has no version %', preset.name, of_version USING ERRCODE = 'P0002';
    END IF;
    IF jsonb_typeof(coalesce(given, '{}')) <> 'object' THEN
        RAISE EXCEPTION 'values are given by name, as one JSON object' USING ERRCODE = '22023';
    END IF;
    SELECT k INTO odd FROM jsonb_object_keys(coalesce(given, '{}')) k
    WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(its.variables) v WHERE v ->> 'name' = k) LIMIT 1;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION '"%" has no variable "%"', preset.name, "left"(odd, 80) USING ERRCODE = '22023',
            HINT = coalesce('it has ' || (SELECT string_agg(v ->> 'name', ', ')
                FROM jsonb_array_elements(its.variables) v), 'it has none at all');
    END IF;
    FOR variable IN SELECT * FROM jsonb_array_elements(its.variables) LOOP
        value := kolony.checked_value(preset.workspace_id, variable,
            coalesce(given ->> (variable ->> 'name'), variable ->> 'default'));
        IF value = '' AND coalesce((variable ->> 'required')::boolean, variable ->> 'default' IS NULL) THEN
            CONTINUE WHEN partly;
            RAISE EXCEPTION '"%" needs a value for "%"', preset.name, variable ->> 'name' USING ERRCODE = '22023',
                HINT = coalesce(nullif(variable ->> 'help', ''), 'it is a ' || (variable ->> 'type'));
        END IF;
        filled := filled || jsonb_build_object(variable ->> 'name', value);
    END LOOP;
    pieces := regexp_split_to_array(its.content,
        '\{\{\s*[A-Za-z_][A-Za-z0-9_]{0,62}\s*(?:\|\s*[a-z]{1,20}\s*)?\}\}');
    RETURN pieces[1] || coalesce((
        SELECT string_agg(CASE
                WHEN NOT filled ? p.name THEN '{{' || p.name || coalesce('|' || p.filter, '') || '}}'
                WHEN p.filter = 'sh' THEN '''' || replace(filled ->> p.name, '''', '''"''"''') || ''''
                ELSE filled ->> p.name END || pieces[p.place::integer + 1], '' ORDER BY p.place)
        FROM kolony.placeholders(its.content) p), '');
END
$$;

-- For kolony.send_command, in its transaction: counts, and writes down that it was used.
CREATE FUNCTION kolony.note_preset_use(home uuid, the_preset uuid, the_version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_name text;
BEGIN
    UPDATE kolony.presets p SET used_count = p.used_count + 1, last_used_at = now()
    WHERE p.workspace_id = home AND p.preset_id = the_preset AND p.deleted_at IS NULL
      AND p.preset_id = ANY (kolony.my_preset_ids()) AND the_version BETWEEN 1 AND p.version
    RETURNING p.name INTO its_name;
    IF its_name IS NULL THEN
        RAISE EXCEPTION 'there is no such preset here' USING ERRCODE = 'P0002', HINT = 'see kolony preset list';
    END IF;
    PERFORM kolony.record_audit(home, 'PRESET_USED', its_name,
        jsonb_build_object('preset_id', the_preset, 'version', the_version));
    PERFORM kolony.hint(home, 'preset:' || the_preset);
END
$$;

COMMENT ON FUNCTION kolony.fill_preset(uuid, jsonb, integer, boolean) IS 'viewer: fill in a preset and read its text';
GRANT EXECUTE ON FUNCTION kolony.fill_preset(uuid, jsonb, integer, boolean) TO kolony_user;

RESET ROLE;
