-- What a workspace's plan allows, and how an admin changes it, the name and whom the workspace admits.

SET LOCAL ROLE kolony_api;

-- Refuses what goes beyond the workspace's plan. Called after the step and as its last lock: whoever takes the same step
-- at that moment waits here, and then counts both.
CREATE FUNCTION kolony.require_room(home uuid, what text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its kolony.workspaces;
    allowed integer;
    there bigint;
BEGIN
    SELECT * INTO STRICT its FROM kolony.workspaces w WHERE w.workspace_id = home;
    IF (CASE what WHEN 'members' THEN its.max_members WHEN 'agents' THEN its.max_agents
        ELSE its.max_waiting_runs END) IS NULL
    THEN
        RETURN;
    END IF;
    SELECT * INTO STRICT its FROM kolony.workspaces w WHERE w.workspace_id = home FOR NO KEY UPDATE;
    CASE what
        WHEN 'members' THEN
            allowed := its.max_members;
            there := (SELECT count(*) FROM kolony.memberships m WHERE m.workspace_id = home AND NOT m.disabled);
        WHEN 'agents' THEN
            allowed := its.max_agents;
            there := (SELECT count(*) FROM kolony.agents a WHERE a.workspace_id = home AND a.desired <> 'retired');
        WHEN 'waiting runs' THEN
            allowed := its.max_waiting_runs;
            there := (SELECT count(*) FROM kolony.ready_runs q WHERE q.workspace_id = home)
                   + (SELECT count(*) FROM kolony.scheduled_runs q WHERE q.workspace_id = home);
    END CASE;
    IF there > allowed THEN
        RAISE EXCEPTION 'this workspace''s plan allows % %', allowed,
            CASE WHEN allowed = 1 THEN rtrim(what, 's') ELSE what END
            USING ERRCODE = '54000', HINT = 'an admin can raise it: kolony workspace limits';
    END IF;
END
$$;

-- Null leaves a value as it is.
CREATE FUNCTION kolony.change_workspace(in_workspace uuid, new_name text, new_admits_viewers boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_name !~ '\S' OR length(new_name) > 200 OR new_name ~ '[\u0001-\u001f\u007f-\u009f]' THEN
        RAISE EXCEPTION 'a workspace''s name is 1 to 200 printable characters' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w
    SET name = coalesce(new_name, w.name), admits_viewers = coalesce(new_admits_viewers, w.admits_viewers)
    WHERE w.workspace_id = in_workspace;
    PERFORM kolony.hint(in_workspace, 'workspace:' || in_workspace);
END
$$;
COMMENT ON FUNCTION kolony.change_workspace(uuid, text, boolean) IS
    'admin: rename the workspace, and say whether it admits viewers';

-- The plan in free words, and what it allows; a limit of null is none. What is beyond a lowered limit stays.
CREATE FUNCTION kolony.set_limits(in_workspace uuid, new_plan text, members integer, agents integer,
    waiting_runs integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kolony.require_role(in_workspace, 'admin');
    IF new_plan IS NULL OR new_plan !~ '^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,99}$' THEN
        RAISE EXCEPTION 'a plan is named with 1 to 100 letters, digits, blanks, ".", "_" and "-"' USING ERRCODE = '22023';
    END IF;
    IF members < 1 OR agents < 0 OR waiting_runs < 0 THEN
        RAISE EXCEPTION 'a plan allows at least one member, and no negative number of anything' USING ERRCODE = '22023';
    END IF;
    UPDATE kolony.workspaces w
    SET plan = new_plan, max_members = members, max_agents = agents, max_waiting_runs = waiting_runs
    WHERE w.workspace_id = in_workspace;
    PERFORM kolony.hint(in_workspace, 'workspace:' || in_workspace);
END
$$;
COMMENT ON FUNCTION kolony.set_limits(uuid, text, integer, integer, integer) IS
    'admin: set the plan and how many members, agents and waiting runs it allows';

GRANT EXECUTE ON FUNCTION kolony.change_workspace(uuid, text, boolean),
    kolony.set_limits(uuid, text, integer, integer, integer) TO kolony_user;

RESET ROLE;
