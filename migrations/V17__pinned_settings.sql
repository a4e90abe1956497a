-- Settings in which all processes of a clinic must agree. The first process that opens the database writes them; one with another
-- value refuses to start. The master key is there as a fingerprint, which does not tell the key.
CREATE TABLE control.pinned_settings (
    name      text        PRIMARY KEY,
    value     text        NOT NULL,
    pinned_at timestamptz NOT NULL DEFAULT now()
);
