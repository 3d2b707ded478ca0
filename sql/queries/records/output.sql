-- $1 workspace, $2 run, $3 attempt, $4 last seq seen, $5 stream or null, $6 limit
SELECT c.seq, c.stream, c.at, c.first_line, c.line_count, c.data
FROM kolony.attempts t
JOIN kolony.output_chunks c
  ON c.workspace_id = t.workspace_id AND c.run_id = t.run_id AND c.attempt = t.number AND c.day = t.output_day
WHERE t.workspace_id = $1 AND t.run_id = $2 AND t.number = $3 AND c.seq > $4 AND ($5::text IS NULL OR c.stream = $5)
ORDER BY c.seq
LIMIT $6
