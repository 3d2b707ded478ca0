-- $1 workspace, $2 number of a command, $3 of a run in it, $4 and $5 the first and the last id of that beginning,
-- $6 words (all but $1 may be null), $7 at most so many. Ways to what a person may mean, the nearest first.
WITH hits AS (
    SELECT 0 AS rank, 'run' AS kind, r.run_id AS id
    FROM kolony.commands c
    JOIN kolony.runs r ON r.workspace_id = c.workspace_id AND r.command_id = c.command_id
    WHERE c.workspace_id = $1 AND c.number = $2::bigint AND r.ordinal = coalesce($3::integer, 1)
      AND ($3 IS NOT NULL OR cardinality(c.targets) = 1)
    UNION ALL
    SELECT 1, 'command', c.command_id FROM kolony.commands c
    WHERE c.workspace_id = $1 AND c.number = $2::bigint AND $3 IS NULL
    UNION ALL
    (SELECT 2, 'run', r.run_id FROM kolony.runs r
     WHERE r.workspace_id = $1 AND r.run_id BETWEEN $4::uuid AND $5::uuid ORDER BY r.run_id DESC LIMIT $7)
    UNION ALL
    (SELECT 2, 'command', c.command_id FROM kolony.commands c
     WHERE c.workspace_id = $1 AND c.command_id BETWEEN $4::uuid AND $5::uuid ORDER BY c.command_id DESC LIMIT $7)
    UNION ALL
    (SELECT CASE WHEN lower(a.name) = lower($6) THEN 0 WHEN starts_with(lower(a.name), lower($6)) THEN 3 ELSE 5 END,
            'agent', a.agent_id
     FROM kolony.agents a
     WHERE a.workspace_id = $1
       AND (a.agent_id BETWEEN $4::uuid AND $5::uuid OR strpos(lower(a.name), lower($6)) > 0)
     ORDER BY 1, length(a.name), a.name LIMIT $7)
    UNION ALL
    (SELECT CASE WHEN p.login = lower($6) THEN 1 WHEN starts_with(p.login, lower($6)) THEN 4 ELSE 6 END,
            'person', p.profile_id
     FROM kolony.memberships m JOIN kolony.profiles p ON p.profile_id = m.profile_id
     WHERE m.workspace_id = $1 AND (strpos(p.login, lower($6)) > 0 OR strpos(lower(p.display_name), lower($6)) > 0)
     ORDER BY 1, p.login LIMIT $7)),
best AS (SELECT DISTINCT ON (h.kind, h.id) h.* FROM hits h ORDER BY h.kind, h.id, h.rank),
nearest AS (SELECT b.* FROM best b ORDER BY b.rank, b.kind, b.id DESC LIMIT $7)
SELECT n.kind, n.id,
       CASE n.kind WHEN 'agent' THEN a.name WHEN 'person' THEN p.login
                   WHEN 'command' THEN '#' || c.number
                   ELSE '#' || c.number || CASE WHEN cardinality(c.targets) > 1 THEN '.' || r.ordinal ELSE '' END
       END AS label,
       CASE n.kind WHEN 'agent' THEN a.type WHEN 'person' THEN p.display_name WHEN 'command' THEN c.title
                   ELSE x.name || ': ' || c.title END AS detail
FROM nearest n
LEFT JOIN kolony.runs r ON r.workspace_id = $1 AND n.kind = 'run' AND r.run_id = n.id
LEFT JOIN kolony.commands c ON c.workspace_id = $1
    AND c.command_id = CASE n.kind WHEN 'command' THEN n.id ELSE r.command_id END
LEFT JOIN kolony.agents a ON a.workspace_id = $1 AND n.kind = 'agent' AND a.agent_id = n.id
LEFT JOIN kolony.agents x ON x.workspace_id = $1 AND x.agent_id = r.agent_id
LEFT JOIN kolony.profiles p ON n.kind = 'person' AND p.profile_id = n.id
ORDER BY n.rank, n.kind, length(coalesce(a.name, '')), n.id DESC
