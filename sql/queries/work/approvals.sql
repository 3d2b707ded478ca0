-- What a run asked people, oldest first. $1 workspace, $2 run
SELECT o.approval_id, t.number AS attempt, o.kind, o.title, o.detail, o.options, o.risk, o.created_at, o.expires_at,
       o.state, o.answer, o.note, o.answered_by_login, o.answered_at, o.cancelled_why, o.heard_at, o.tool,
       CASE WHEN o.state = 'open' THEN o.command ELSE "left"(o.command, 65536) END AS command, o.rule_by_login
FROM kolony.approval_overview o
JOIN kolony.attempts t ON t.workspace_id = o.workspace_id AND t.attempt_id = o.attempt_id
WHERE o.workspace_id = $1 AND o.run_id = $2
ORDER BY o.created_at, o.approval_id
