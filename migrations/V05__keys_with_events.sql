-- Keys are committed together with the first event that they seal. Two bookings of a new patient at the same moment may
-- each bring one, so a subject may have more than one live key. Forgetting destroys all of them.

DROP INDEX privacy.keys_live_subject_key;
CREATE INDEX keys_live_subject_idx ON privacy.keys (subject) WHERE destroyed_at IS NULL;

COMMENT ON TABLE privacy.keys IS 'Keys of subjects, mostly one each, wrapped by the master key. Never leave this table out of a backup, and let old backups of it expire';
