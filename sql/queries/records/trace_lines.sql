-- $1 workspace, $2 run, $3 attempt, $4 its day of output, $5 last revision seen, $6 limit. News of a trace, in short.
SELECT e.key, e.parent_key, e.position, e.revision, e.type, e.name, e.status, e.summary, left(e.error, 400) AS error,
       e.tokens, e.confidence, e.started_at, e.duration_ms, e.line_from, e.line_to
FROM kolony.trace_entries e
WHERE e.workspace_id = $1 AND e.run_id = $2 AND e.attempt = $3 AND e.day = $4 AND e.revision > $5
ORDER BY e.revision
LIMIT $6
