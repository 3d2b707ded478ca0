-- What today has cost so far. $1 workspace
SELECT w.time_zone, (now() AT TIME ZONE w.time_zone)::date AS today, coalesce(d.tokens, 0)::bigint AS tokens,
       coalesce(d.cost_usd, 0)::float8 AS cost_usd, greatest(coalesce(d.estimated_usd, 0), 0)::float8 AS estimated_usd
FROM kolony.workspaces w
CROSS JOIN LATERAL (
    SELECT sum(u.input_fresh + u.input_cached + u.cache_write + u.output) AS tokens, sum(u.cost_usd) AS cost_usd,
           sum(u.estimated_usd) AS estimated_usd
    FROM kolony.usage_days u
    WHERE u.workspace_id = w.workspace_id AND u.day = (now() AT TIME ZONE w.time_zone)::date) d
WHERE w.workspace_id = $1
