-- Output: how it is stored and read back.

SET LOCAL ROLE kolony_owner;

-- Where the server has lz4: smaller than its own compression makes it, and in a third of the time. New partitions take
-- after the table.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT c.oid FROM pg_class c
                WHERE c.oid = 'kolony.output_chunks'::regclass
                   OR c.oid IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = 'kolony.output_chunks'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN data SET COMPRESSION lz4', part);
    END LOOP;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END
$$;

RESET ROLE;
