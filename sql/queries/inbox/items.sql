-- $1 workspace, $2 also what was put off or is done, $3 characters of the details
SELECT item_id AS id, kind, agent, run_id, title, detail, expires_at, tier, why, risk, options, since, blocks,
       blocked_agents, agent_id,
       '#' || command_number || CASE WHEN target_count > 1 THEN '.' || ordinal ELSE '' END AS reference, likeness,
       snoozed_until, done_at, tool, exact
FROM kolony.inbox($1, $2::boolean, $3::integer)
