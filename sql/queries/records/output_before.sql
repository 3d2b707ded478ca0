-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 stream or null, $6 a seq, $7 bytes, $8 lines. The pieces
-- before it, in order: the last so many bytes or lines; one at least. Sizes are told without reading them.
WITH near AS (
    SELECT n.seq, sum(octet_length(n.data)) OVER w - octet_length(n.data) AS bytes,
           sum(n.line_count) OVER w - n.line_count AS lines
    FROM (SELECT c.seq, c.data, c.line_count FROM kolony.output_chunks c
          WHERE c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4 AND c.seq < $6
            AND ($5::text IS NULL OR c.stream = $5)
          ORDER BY c.seq DESC LIMIT 512) n
    WINDOW w AS (ORDER BY n.seq DESC))
SELECT c.seq, c.stream, c.at, c.first_line, c.line_count, c.data
FROM near n
JOIN kolony.output_chunks c ON c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4 AND c.seq = n.seq
WHERE n.bytes < $7::bigint AND n.lines < $8::bigint
ORDER BY c.seq
