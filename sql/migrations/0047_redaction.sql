-- Redaction: what looks like a token is masked by the runners, unless a workspace switches it off.

SET LOCAL ROLE kolony_owner;

ALTER TABLE kolony.workspaces ADD COLUMN redacts_tokens boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN kolony.workspaces.redacts_tokens IS 'what looks like a token is stars in what runners store';

SET LOCAL ROLE kolony_api;

CREATE FUNCTION kolony.set_redaction(in_workspace uuid, redacted boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF redacted IS NULL THEN
        RAISE EXCEPTION 'redaction is on or off' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w SET redacts_tokens = redacted
    WHERE w.workspace_id = in_workspace AND w.redacts_tokens <> redacted;
    IF FOUND THEN
        PERFORM kolony.record_audit(in_workspace, 'REDACTION_CHANGED', CASE WHEN redacted THEN 'on' ELSE 'off' END,
            jsonb_build_object('redacts_tokens', redacted));
        PERFORM kolony.hint(in_workspace, 'people:*');
    END IF;
END
$$;

-- What of a workspace's settings its runners need to know.
CREATE OR REPLACE FUNCTION kolony.settings_brief(home uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('mask_secrets', w.masks_secrets, 'redact_tokens', w.redacts_tokens)
            FROM kolony.workspaces w WHERE w.workspace_id = home);
END
$$;

COMMENT ON FUNCTION kolony.set_redaction(uuid, boolean) IS
    'admin: say whether what looks like a token is masked in what is stored';
GRANT EXECUTE ON FUNCTION kolony.set_redaction(uuid, boolean) TO kolony_user;

RESET ROLE;
