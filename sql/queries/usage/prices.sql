-- $1 workspace
SELECT p.pattern, p.input_usd::float8 AS input_usd, p.cached_usd::float8 AS cached_usd,
       p.cache_write_usd::float8 AS cache_write_usd, p.output_usd::float8 AS output_usd, p.currency, p.valid_from,
       p.shipped, p.set_by_login
FROM kolony.price_list p
WHERE p.workspace_id = $1
ORDER BY p.shipped, p.pattern, p.valid_from
