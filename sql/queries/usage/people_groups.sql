-- Teams of people. $1 workspace
SELECT g.group_id, g.name, ARRAY(
           SELECT p.login FROM kolony.people_group_members m JOIN kolony.profiles p ON p.profile_id = m.profile_id
           WHERE m.workspace_id = g.workspace_id AND m.group_id = g.group_id ORDER BY p.login) AS people
FROM kolony.people_groups g
WHERE g.workspace_id = $1
ORDER BY g.name
