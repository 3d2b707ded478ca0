-- $1 seconds that a prepared transaction may take.
SELECT p.gid, p.owner::text AS owner, p.database::text AS database,
       extract(epoch FROM clock_timestamp() - p.prepared)::integer AS seconds
FROM pg_prepared_xacts p WHERE p.prepared < clock_timestamp() - make_interval(secs => $1) ORDER BY p.prepared
