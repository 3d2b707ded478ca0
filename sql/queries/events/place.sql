-- From where on a follower reads: what has not committed yet has this number or a higher one.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint
