-- What a rule of the clinic's own read a free-text time as, beside the text, in the generations of the legacy view that
-- there are. Rows that are there were all read by the built-in rules: for them it is null.

DO $$
DECLARE
    reservations regclass;
BEGIN
    FOR reservations IN
        SELECT format('%I.%I', n.nspname, c.relname)::regclass
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = 'reservations' AND c.relkind = 'r'
          -- The old system's own table, which may be in the same database, has no minutes.
          AND (SELECT count(*) FROM pg_attribute a
               WHERE a.attrelid = c.oid AND NOT a.attisdropped
                 AND a.attname IN ('preferredTime', 'subject', 'version', 'minutes')) = 4
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS "readAs" text', reservations);
    END LOOP;
END
$$;
