-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 stream or null, $6 only before this seq, or null. How many
-- pieces and lines there are of it. Of all streams by the last piece alone.
SELECT e.pieces, e.lines FROM (
    SELECT count(*)::integer AS pieces, coalesce(sum(c.line_count), 0)::bigint AS lines
    FROM kolony.output_chunks c
    WHERE $5::text IS NOT NULL AND c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4
      AND c.stream = $5 AND ($6::integer IS NULL OR c.seq < $6)) e
WHERE $5 IS NOT NULL
UNION ALL
SELECT coalesce(max(l.seq) + 1, 0), coalesce(max(l.first_line + l.line_count), 0) FROM (
    SELECT c.seq, c.first_line, c.line_count
    FROM kolony.output_chunks c
    WHERE $5::text IS NULL AND c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4
      AND ($6::integer IS NULL OR c.seq < $6)
    ORDER BY c.seq DESC LIMIT 1) l
WHERE $5 IS NULL
