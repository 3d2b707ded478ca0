-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 stream or null, $6 a seq, $7 bytes. The pieces before it that
-- are searched at once: the last so many bytes, one piece at least.
SELECT min(n.seq) AS first, max(n.seq) AS last, sum(n.size)::bigint AS size
FROM (SELECT c.seq, octet_length(c.data) AS size, sum(octet_length(c.data)) OVER (ORDER BY c.seq DESC) AS bytes
      FROM kolony.output_chunks c
      WHERE c.workspace_id = $1 AND c.run_id = $2 AND c.attempt = $3 AND c.day = $4 AND c.seq < $6 AND c.seq >= $6 - 4000
        AND ($5::text IS NULL OR c.stream = $5)) n
WHERE n.bytes - n.size < $7::bigint
