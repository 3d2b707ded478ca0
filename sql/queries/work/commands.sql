-- $1 workspace, $2 status or null, $3 limit
SELECT command_id, number, title, content_bytes, priority, created_by_login, created_at, submitted_at, finished_at, status,
       runs, waiting, dispatching, executing, completed, failed, cancelled, max_attempts, retry_on, time_limit_ms,
       kind, target_words, at_a_time, stop_after, held, interrupted
FROM kolony.command_overview
WHERE workspace_id = $1 AND ($2::text IS NULL OR status = $2)
ORDER BY command_id DESC
LIMIT $3
