-- What a runner is told when an attempt begins: one call that starts it and hands out what its agent needs to know.

SET LOCAL ROLE kolony_api;

-- As start_attempt, and answers {"conversation", "variables", "memory", "budget_usd", "settings"}; what there is not is
-- left out. Calling it again answers the same.
CREATE FUNCTION kolony.begin_attempt(the_attempt uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    held kolony.leases := kolony.my_lease(the_attempt);
BEGIN
    PERFORM kolony.start_attempt(the_attempt);
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'conversation', kolony.conversation_brief(held.workspace_id, held.run_id),
        'variables', kolony.variables_brief(held.workspace_id, held.agent_id),
        'memory', kolony.memory_brief(held.workspace_id, held.agent_id),
        'budget_usd', kolony.budget_brief(held.workspace_id, held.run_id),
        'settings', kolony.settings_brief(held.workspace_id)));
END
$$;

GRANT EXECUTE ON FUNCTION kolony.begin_attempt(uuid) TO kolony_agents;

RESET ROLE;
