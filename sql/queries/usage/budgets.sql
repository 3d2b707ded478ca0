-- $1 workspace
SELECT b.budget_id, b.scope, b.subject, b.subject_id, b.period, b.token_limit, b.usd_limit::float8 AS usd_limit,
       b.warn_percent, b.hard, b.tokens, b.cost_usd::float8 AS cost_usd, b.tokens_left, b.usd_left::float8 AS usd_left,
       b.share::float8 AS share, b.starts, b.set_by_login, b.updated_at
FROM kolony.budget_overview b
WHERE b.workspace_id = $1
ORDER BY b.share DESC, b.scope, b.subject, b.period
