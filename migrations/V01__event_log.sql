-- The event log. Written by the event log's Postgres adapter alone; nobody else inserts here, and nobody ever updates
-- or deletes.

CREATE SCHEMA event_log;

CREATE TABLE event_log.events (
    -- Fixed-width columns first: no padding between them.
    position bigint NOT NULL,
    revision bigint NOT NULL,
    event_id uuid NOT NULL,
    -- Byte order: categories are read as ranges ('daybook-' up to 'daybook.'), which no locale may rearrange.
    stream text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    -- json and not jsonb: nothing in the database looks inside, and the text as written is read back about three times
    -- as fast.
    payload json NOT NULL,
    metadata json NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (position),
    CONSTRAINT events_stream_revision_key UNIQUE (stream, revision),
    CONSTRAINT events_position_check CHECK (position > 0),
    CONSTRAINT events_revision_check CHECK (revision >= 0),
    CONSTRAINT events_stream_check CHECK (octet_length(stream) BETWEEN 3 AND 64),
    CONSTRAINT events_kind_check CHECK (octet_length(kind) BETWEEN 1 AND 100)
);

-- Sealed texts do not compress; trying would only cost time.
ALTER TABLE event_log.events ALTER COLUMN payload SET STORAGE EXTERNAL;

COMMENT ON SCHEMA event_log IS 'What happened, in the order in which it happened';
COMMENT ON TABLE event_log.events IS 'Append-only. Positions rise in commit order: they are given under a lock that is held to the commit';
COMMENT ON COLUMN event_log.events.position IS 'Place in the order over all streams, from 1; gaps are allowed';
COMMENT ON COLUMN event_log.events.revision IS 'Place in the stream, from 0, without gaps';
COMMENT ON COLUMN event_log.events.event_id IS 'Chosen by the writer; a retry with the same ids at the same place is answered like the first time';
COMMENT ON COLUMN event_log.events.stream IS 'Category, a dash, a name: daybook-2026-12-01, catalog-main';
COMMENT ON COLUMN event_log.events.kind IS 'Type of the event as it is stored for ever';

CREATE FUNCTION event_log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Record a new event that puts right what an old one said.';
END
$$;

-- Once a statement, and on none that inserts: it costs appends nothing.
CREATE TRIGGER events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log.events
    FOR EACH STATEMENT EXECUTE FUNCTION event_log.refuse_change();
