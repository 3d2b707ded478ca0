-- $1 workspace. Kind by kind; in each the nearest first: one's own, the workspace's, the built-in one.
SELECT r.rule_id, k.kind, k.about, coalesce(r.profile_id IS NOT NULL, false) AS own, r.audience, a.name AS agent, r.tag,
       r.priority, r.channels, r.enabled, p.login AS created_by
FROM kolony.notification_kinds k
JOIN (
    SELECT o.rule_id, o.profile_id, o.kind, o.audience, o.agent_id, o.tag, o.priority, o.channels, o.enabled, o.created_by
    FROM kolony.notification_rules o WHERE o.workspace_id = $1 AND o.deleted_at IS NULL
    UNION ALL
    SELECT NULL, NULL, b.kind, b.audience, NULL, NULL, NULL, b.channels, b.enabled, NULL
    FROM kolony.notification_kinds b) r ON r.kind = k.kind
LEFT JOIN kolony.agents a ON a.workspace_id = $1 AND a.agent_id = r.agent_id
LEFT JOIN kolony.profiles p ON p.profile_id = r.created_by
ORDER BY k.place, r.rule_id IS NULL, r.profile_id IS NULL, a.name NULLS LAST, r.tag NULLS LAST, r.rule_id DESC
