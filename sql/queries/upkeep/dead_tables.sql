SELECT s.relname FROM pg_stat_user_tables s
WHERE s.schemaname = 'kolony' AND s.n_dead_tup > 100000 AND s.n_dead_tup > s.n_live_tup
ORDER BY s.n_dead_tup DESC
