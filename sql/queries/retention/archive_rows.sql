-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 last seq seen, $6 limit
SELECT c.seq, c.stream, (extract(epoch FROM c.at) * 1000000)::bigint AS at_us, c.first_line, c.line_count, c.data
FROM kolony.output_chunks c
WHERE c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4 AND c.seq > $5
ORDER BY c.seq
LIMIT $6
