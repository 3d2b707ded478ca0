-- What was used, and how work ended, by $4: agent, person, model, day or preset.
-- $1 workspace, $2 and $3 first and last day: a date, or how many days before today (-6); null: 30 days, until today
WITH span AS (
    SELECT k.since, k.until, k.since::timestamp AT TIME ZONE w.time_zone AS from_moment,
           (k.until + 1)::timestamp AT TIME ZONE w.time_zone AS to_moment, w.time_zone
    FROM kolony.workspaces w
    CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE w.time_zone)::date AS today) t
    CROSS JOIN LATERAL (
        SELECT CASE WHEN $2::text LIKE '-%' THEN t.today + $2::text::integer
                    ELSE coalesce($2::text::date, t.today - 29) END AS since,
               CASE WHEN $3::text LIKE '-%' THEN t.today + $3::text::integer
                    ELSE coalesce($3::text::date, t.today) END AS until) k
    WHERE w.workspace_id = $1),
used AS (
    SELECT coalesce(CASE $4::text WHEN 'agent' THEN d.agent_id::text WHEN 'person' THEN d.profile_id::text
                         WHEN 'model' THEN d.model WHEN 'preset' THEN d.preset_id::text ELSE d.day::text END, '') AS key,
           sum(d.input_fresh)::bigint AS input_fresh, sum(d.input_cached)::bigint AS input_cached,
           sum(d.cache_write)::bigint AS cache_write, sum(d.output)::bigint AS output,
           sum(d.reasoning)::bigint AS reasoning, sum(d.calls)::bigint AS calls, sum(d.cost_usd) AS cost_usd,
           sum(d.estimated_usd) AS estimated_usd
    FROM span s JOIN kolony.usage_days d ON d.workspace_id = $1 AND d.day BETWEEN s.since AND s.until GROUP BY 1),
ended AS (
    SELECT coalesce(CASE $4::text WHEN 'agent' THEN t.agent_id::text
               WHEN 'day' THEN (t.ended_at AT TIME ZONE s.time_zone)::date::text
               ELSE (SELECT CASE $4::text WHEN 'person' THEN c.created_by ELSE c.preset_id END::text FROM kolony.runs r
                     JOIN kolony.commands c ON c.workspace_id = r.workspace_id AND c.command_id = r.command_id
                     WHERE r.workspace_id = t.workspace_id AND r.run_id = t.run_id) END, '') AS key,
           count(*) FILTER (WHERE t.outcome = 'completed') AS completed,
           count(*) FILTER (WHERE t.outcome IN ('failed', 'lost')) AS failed,
           count(*) FILTER (WHERE t.outcome = 'cancelled') AS cancelled,
           extract(epoch FROM avg(t.ended_at - t.started_at))::float8 AS mean_seconds
    FROM span s
    JOIN kolony.attempts t ON t.workspace_id = $1 AND t.ended_at >= s.from_moment AND t.ended_at < s.to_moment
    WHERE $4::text <> 'model' GROUP BY 1)
SELECT coalesce(a.name, p.login, e.name, CASE WHEN $4::text IN ('model', 'day') THEN k.key END, '') AS name,
       CASE WHEN $4::text = 'agent' THEN a.name END AS agent, CASE WHEN $4::text = 'person' THEN p.login END AS person,
       CASE WHEN $4::text = 'model' THEN k.key END AS model, CASE WHEN $4::text = 'day' THEN k.key END AS day,
       CASE WHEN $4::text = 'preset' THEN e.name END AS preset,
       coalesce(u.input_fresh + u.input_cached + u.cache_write, 0) AS input_tokens,
       coalesce(u.input_fresh, 0) AS input_fresh, coalesce(u.input_cached, 0) AS input_cached,
       coalesce(u.cache_write, 0) AS cache_write, coalesce(u.output, 0) AS output_tokens,
       coalesce(u.reasoning, 0) AS reasoning, coalesce(u.calls, 0) AS calls,
       coalesce(u.input_fresh + u.input_cached + u.cache_write + u.output, 0) AS total_tokens,
       coalesce(u.cost_usd, 0)::float8 AS cost_usd, greatest(coalesce(u.estimated_usd, 0), 0)::float8 AS estimated_usd,
       coalesce(n.completed, 0) AS completed, coalesce(n.failed, 0) AS failed, coalesce(n.cancelled, 0) AS cancelled,
       n.mean_seconds
FROM used u
FULL JOIN ended n ON n.key = u.key
CROSS JOIN LATERAL (SELECT coalesce(u.key, n.key) AS key) k
LEFT JOIN kolony.agents a ON $4::text = 'agent' AND a.workspace_id = $1 AND a.agent_id::text = k.key
LEFT JOIN kolony.profiles p ON $4::text = 'person' AND p.profile_id::text = k.key
LEFT JOIN kolony.presets e ON $4::text = 'preset' AND e.workspace_id = $1 AND e.preset_id::text = k.key
ORDER BY CASE WHEN $4::text = 'day' THEN k.key END, coalesce(u.cost_usd, 0) DESC,
         coalesce(u.input_fresh + u.input_cached + u.cache_write + u.output, 0) DESC, 1
