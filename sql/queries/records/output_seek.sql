-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 number of a line, $6 number of pieces. The piece in which it
-- begins: the last with no more lines before it, found by halving.
WITH RECURSIVE halves AS (
    SELECT 0 AS low, $6::integer - 1 AS high
    UNION ALL
    SELECT CASE WHEN coalesce(m.first_line, 0) <= $5::bigint THEN h.low + (h.high - h.low + 1) / 2 ELSE h.low END,
           CASE WHEN coalesce(m.first_line, 0) <= $5 THEN h.high ELSE h.low + (h.high - h.low + 1) / 2 - 1 END
    FROM halves h
    LEFT JOIN LATERAL (
        SELECT c.first_line FROM kolony.output_chunks c
        WHERE c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4
          AND c.seq <= h.low + (h.high - h.low + 1) / 2
        ORDER BY c.seq DESC LIMIT 1) m ON true
    WHERE h.low < h.high)
SELECT h.low AS seq FROM halves h WHERE h.low >= h.high
