-- Whom to call, and where the backup is, when a migration goes wrong. Not in the log, which keeps for ever: people leave, and
-- their numbers with them. No column holds anything of a patient.
CREATE TABLE control.contacts (
    role       text        PRIMARY KEY CHECK (role IN (
                   'database-admin', 'application-owner', 'backup-location', 'rollback-authority', 'maintenance-window')),
    name       text        NOT NULL CHECK (btrim(name) <> ''),
    -- How to reach them; null where there is nothing to reach, as for a place or a time.
    reach      text        CHECK (btrim(reach) <> ''),
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE control.contacts IS 'Whom to call in an emergency; members of staff, never patients';
