-- $1 workspace. What is needed to compare later; the chain's digest stands for all the rest of a seal.
SELECT s.number, w.slug AS workspace, s.entry_count, s.from_entry, s.to_entry, s.from_at, s.to_at, s.sealed_at, s.sealed_by,
       s.removed_at, encode(s.rows_digest, 'hex') AS rows_digest, encode(s.previous, 'hex') AS previous,
       encode(s.digest, 'hex') AS digest
FROM kolony.audit_seals s JOIN kolony.workspaces w USING (workspace_id)
WHERE s.workspace_id = $1 ORDER BY s.number
