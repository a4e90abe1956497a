-- Who keeps the live views up. Whoever gets the leader's lock raises the epoch; a batch commits only under the epoch that
-- stands here, so a leader that was stopped and wakes up after another one took over writes nothing any more.

CREATE TABLE control.leader (
    is_the_only_row boolean     PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    epoch           bigint      NOT NULL CHECK (epoch >= 0),
    host            text,
    pid             bigint,
    backend_pid     integer,
    since           timestamptz,
    beat_at         timestamptz,
    -- Nobody has led yet, or everything is known of who does.
    CHECK ((epoch = 0) = (num_nulls(host, pid, backend_pid, since, beat_at) > 0))
) WITH (fillfactor = 50);
INSERT INTO control.leader (epoch) VALUES (0);

-- Which leader moved it last; null while a rebuild moves it.
ALTER TABLE control.checkpoints ADD COLUMN epoch bigint;

COMMENT ON TABLE control.leader IS 'Who keeps the live views up, or did last';
COMMENT ON COLUMN control.leader.epoch IS 'Raised by each new leader before its first batch';
COMMENT ON COLUMN control.leader.backend_pid IS 'The session that holds the lock and writes the batches';
COMMENT ON COLUMN control.leader.beat_at IS 'Set once a second by the leader; a standby ends the session of one that is silent';
