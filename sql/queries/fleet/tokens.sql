SELECT t.token_hint AS hint, t.token_active AS active, t.*
FROM kolony.list_tokens($1) t
