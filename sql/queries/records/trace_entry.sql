-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 key. One entry of a trace, all of it.
SELECT e.entry_id AS id, p.entry_id AS parent_id, e.key, e.position, e.revision, e.type, e.name, e.status,
       e.input::text AS input, e.input_size, e.output::text AS output, e.output_size, e.error, e.tokens, e.confidence,
       e.attributes, e.started_at, e.ended_at, e.duration_ms, e.line_from, e.line_to
FROM kolony.trace_entries e
LEFT JOIN kolony.trace_entries p ON p.workspace_id = e.workspace_id AND p.run_id = e.run_id AND p.attempt = e.attempt
    AND p.key = e.parent_key AND p.day = e.day
WHERE e.workspace_id = $1 AND e.run_id = $2 AND e.attempt = $3 AND e.day = $4 AND e.key = $5
