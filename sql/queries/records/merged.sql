-- $1 workspace, $2 runs, of each $3 its attempt, $4 its day of output, $5 the last seq seen; $6 how many pieces of each.
SELECT w.run_id, c.seq, c.stream, c.at, c.first_line, c.data
FROM unnest($2::uuid[], $3::integer[], $4::date[], $5::integer[]) AS w (run_id, attempt, day, after)
CROSS JOIN LATERAL (
    SELECT o.seq, o.stream, o.at, o.first_line, o.data
    FROM kolony.output_chunks o
    WHERE o.workspace_id = $1 AND o.run_id = w.run_id AND o.attempt = w.attempt AND o.day = w.day AND o.seq > w.after
    ORDER BY o.seq
    LIMIT $6) c
ORDER BY c.at, w.run_id, c.seq
