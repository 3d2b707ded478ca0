-- The commands that came from one, in the order in which they did. $1 workspace, $2 number of that one, $3 status or null,
-- $4 limit
SELECT command_id, number, title, content_bytes, priority, created_by_login, created_at, submitted_at, finished_at, status,
       runs, waiting, dispatching, executing, completed, failed, cancelled, max_attempts, retry_on, time_limit_ms,
       kind, target_words, at_a_time, stop_after, held, interrupted
FROM kolony.command_overview
WHERE workspace_id = $1
  AND parent_id = (SELECT p.command_id FROM kolony.commands p WHERE p.workspace_id = $1 AND p.number = $2)
  AND ($3::text IS NULL OR status = $3)
ORDER BY command_id
LIMIT $4
