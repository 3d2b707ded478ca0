-- The reports of a run, newest last. $1 workspace, $2 run, $3 at most so many of the newest
SELECT * FROM (
    SELECT t.number AS attempt, u.number, u.at, u.source, u.scope, u.model,
           u.input_fresh + u.input_cached + u.cache_write AS input_tokens, u.input_cached, u.output AS output_tokens,
           u.reasoning, u.calls, u.cost_usd::float8 AS cost_usd, u.estimated_usd > 0 AS estimated
    FROM kolony.usage_reports u
    JOIN kolony.attempts t ON t.workspace_id = u.workspace_id AND t.attempt_id = u.attempt_id
    WHERE u.workspace_id = $1 AND u.run_id = $2
    ORDER BY u.at DESC, u.number DESC LIMIT $3::integer) newest
ORDER BY newest.at, newest.number
