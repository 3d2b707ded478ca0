-- The runs that used most. $1 workspace, $2 and $3 first and last day as in usage/sums, $4 at most so many
WITH span AS (
    SELECT CASE WHEN $2::text LIKE '-%' THEN t.today + $2::text::integer ELSE coalesce($2::text::date, t.today - 29) END
               ::timestamp AT TIME ZONE w.time_zone AS from_moment,
           (CASE WHEN $3::text LIKE '-%' THEN t.today + $3::text::integer ELSE coalesce($3::text::date, t.today) END + 1)
               ::timestamp AT TIME ZONE w.time_zone AS to_moment
    FROM kolony.workspaces w CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE w.time_zone)::date AS today) t
    WHERE w.workspace_id = $1),
used AS (
    SELECT u.run_id, sum(u.input_fresh)::bigint AS input_fresh, sum(u.input_cached)::bigint AS input_cached,
           sum(u.cache_write)::bigint AS cache_write, sum(u.output)::bigint AS output, sum(u.reasoning)::bigint AS reasoning,
           sum(u.calls)::bigint AS calls, sum(u.cost_usd) AS cost_usd, sum(u.estimated_usd) AS estimated_usd,
           sum(u.total)::bigint AS total
    FROM span s
    JOIN kolony.usage_overview u ON u.workspace_id = $1 AND u.last_at >= s.from_moment AND u.last_at < s.to_moment
    GROUP BY u.run_id ORDER BY sum(u.cost_usd) DESC, sum(u.total) DESC, u.run_id LIMIT $4::integer)
SELECT '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END AS name, u.run_id,
       a.name AS agent, p.login AS person, c.title, coalesce(r.outcome, 'open') AS outcome,
       u.input_fresh + u.input_cached + u.cache_write AS input_tokens, u.input_fresh, u.input_cached, u.cache_write,
       u.output AS output_tokens, u.reasoning, u.calls, u.total AS total_tokens, u.cost_usd::float8 AS cost_usd,
       greatest(u.estimated_usd, 0)::float8 AS estimated_usd
FROM used u
JOIN kolony.runs r ON r.workspace_id = $1 AND r.run_id = u.run_id
JOIN kolony.commands c ON c.workspace_id = $1 AND c.command_id = r.command_id
JOIN kolony.agents a ON a.workspace_id = $1 AND a.agent_id = r.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = c.created_by
ORDER BY u.cost_usd DESC, u.total DESC, u.run_id
