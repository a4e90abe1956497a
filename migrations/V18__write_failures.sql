-- Why the events after a generation's checkpoint cannot be written, so that every process can say so. It counts only while
-- the checkpoint is where it was when the write failed: moving the checkpoint needs no change here, in any release.

ALTER TABLE control.checkpoints
    ADD COLUMN failed_commit    bigint,
    ADD COLUMN failed_prepare   bigint,
    ADD COLUMN failure          text,
    ADD COLUMN failure_sqlstate text,
    ADD COLUMN failing_since    timestamptz;

COMMENT ON COLUMN control.checkpoints.failed_commit IS 'The checkpoint at which the generation could not be written; past if it has moved since';
COMMENT ON COLUMN control.checkpoints.failure IS 'Why it could not be written; contains nothing of a row or an event';
COMMENT ON COLUMN control.checkpoints.failing_since IS 'When writing at this checkpoint failed first';
