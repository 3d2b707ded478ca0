-- Whether this workspace's archive is due: $1 workspace
SELECT coalesce((SELECT coalesce(j.last_seen, '-infinity') + CASE WHEN j.last_ended IS NULL THEN interval '5 minutes'
                            ELSE interval '1 hour' END <= clock_timestamp()
                 FROM kolony.keeping k
                 LEFT JOIN kolony.workspace_jobs j ON j.workspace_id = k.workspace_id AND j.job = 'archive'
                 WHERE k.workspace_id = $1 AND k.location IS NOT NULL), false)
