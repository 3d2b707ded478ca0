-- Questions that wait no more and whose ids begin or end so. $1 workspace, $2 letters of an id, without hyphens
SELECT approval_id FROM kolony.approvals
WHERE workspace_id = $1 AND (answered_at IS NOT NULL OR cancelled_at IS NOT NULL OR expires_at <= now())
  AND (starts_with(replace(approval_id::text, '-', ''), $2)
       OR "right"(replace(approval_id::text, '-', ''), length($2)) = $2)
ORDER BY approval_id DESC
LIMIT 1
