-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 number of a line among those of $6, a stream. The piece in
-- which it begins.
SELECT s.seq FROM (
    SELECT c.seq, sum(c.line_count) OVER (ORDER BY c.seq) - c.line_count AS first_line
    FROM kolony.output_chunks c
    WHERE c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4 AND c.stream = $6) s
WHERE s.first_line <= $5::bigint
ORDER BY s.seq DESC
LIMIT 1
