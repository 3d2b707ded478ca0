SELECT w.workspace_id, w.slug, w.name, m.role, w.admits_viewers, w.masks_secrets, w.redacts_tokens, w.plan, w.max_members, w.max_agents,
       w.max_waiting_runs, w.created_at,
       (SELECT count(*) FROM kolony.memberships o WHERE o.workspace_id = w.workspace_id AND NOT o.disabled) AS members,
       (SELECT count(*) FROM kolony.agents a WHERE a.workspace_id = w.workspace_id AND a.desired <> 'retired') AS agents,
       (SELECT count(*) FROM kolony.ready_runs q WHERE q.workspace_id = w.workspace_id)
       + (SELECT count(*) FROM kolony.scheduled_runs q WHERE q.workspace_id = w.workspace_id)
       + (SELECT count(*) FROM kolony.blocked_runs q WHERE q.workspace_id = w.workspace_id) AS waiting_runs
FROM kolony.memberships m
JOIN kolony.workspaces w USING (workspace_id)
WHERE m.profile_id = kolony.my_profile_id()
ORDER BY w.created_at, w.slug
