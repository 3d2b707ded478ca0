-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 lower case words, $6 the same as they stand in JSON, $7 limit.
-- Entries of a trace in which the words are, in order.
SELECT e.key
FROM kolony.trace_entries e
WHERE e.workspace_id = $1 AND e.run_id = $2 AND e.attempt = $3 AND e.day = $4
  AND (strpos(lower(concat_ws(' ', e.type, e.name, e.status, e.error, e.attributes::text)), $5) > 0
       OR strpos(lower(e.input::text), $6) > 0 OR strpos(lower(e.output::text), $6) > 0)
ORDER BY e.position
LIMIT $7
