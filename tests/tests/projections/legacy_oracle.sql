-- The legacy view's reservations, derived from the events alone by one statement.
--
-- It is there so that the view can be held against something that was not made by the view's own code: live and rebuilt
-- views are equal even where both are wrong. So it must never read a table but the event log, never call a function of
-- ours, and never be brought into line with the projection without a reason of its own in what the events mean.
--
-- What is sealed is not opened. In its place stand three words: (erased), as the view shows a text whose key is gone and
-- that must not be null; (sealed), for a text that has to be there; (any), for one that may be there or not. All other
-- values are the view's, to the type: compare rows as JSON.
--
-- For PostgreSQL 15 and later. It reads the log several times and is made to be read, not to be fast.

WITH event AS (
    SELECT position,
           kind,
           payload,
           payload ->> 'reservation' AS id,
           metadata ->> 'actor' AS actor,
           -- Recorded in microseconds of UTC; the old columns hold milliseconds, and the rest is cut off.
           date_trunc('milliseconds',
               timestamp 'epoch' + (metadata ->> 'recorded_at')::bigint * interval '1 microsecond') AS recorded_at
    FROM event_log.events
),

-- Who was forgotten, and when: everything of the patient's that stands in the log before that is lost.
forgotten AS (
    SELECT position, (payload ->> 'subject')::uuid AS subject
    FROM event
    WHERE kind = 'SubjectForgotten'
),
-- The keys that were destroyed with it: what was sealed with one of them is lost, wherever it stands.
destroyed AS (
    SELECT DISTINCT json_array_elements_text(payload -> 'keys') AS key
    FROM event
    WHERE kind = 'SubjectForgotten'
),

-- How each reservation came into being. A request is pending and changed by nobody; an import stands as it stood. What was
-- taken over again stands as it stood the last time: whatever happened before that is in it, or is no more.
requested AS (
    SELECT id, position, payload,
           true AS is_request,
           'PENDING' AS status,
           recorded_at AS created_at,
           recorded_at AS updated_at,
           recorded_at AS status_changed_at,
           NULL AS status_changed_by
    FROM event
    WHERE kind = 'ReservationRequested'
),
imported AS (
    SELECT id, position, payload,
           false AS is_request,
           payload ->> 'status' AS status,
           date_trunc('milliseconds', (payload ->> 'created_at')::timestamptz AT TIME ZONE 'UTC') AS created_at,
           date_trunc('milliseconds', (payload ->> 'updated_at')::timestamptz AT TIME ZONE 'UTC') AS updated_at,
           date_trunc('milliseconds', (payload ->> 'status_changed_at')::timestamptz AT TIME ZONE 'UTC')
               AS status_changed_at,
           payload ->> 'status_changed_by' AS status_changed_by
    FROM event
    WHERE kind IN ('ReservationImported', 'ReservationReimported')
),
entered AS (
    SELECT DISTINCT ON (id) entry.*,
           (payload ->> 'subject')::uuid AS subject,
           EXISTS (SELECT FROM forgotten
                   WHERE forgotten.subject = (entry.payload ->> 'subject')::uuid
                     AND forgotten.position > entry.position)
           OR EXISTS (SELECT FROM destroyed WHERE destroyed.key = entry.payload #>> '{details,key}') AS lost
    FROM (SELECT * FROM requested UNION ALL SELECT * FROM imported) AS entry
    ORDER BY id, position DESC
),

-- What changes a reservation. The status is that of the last turn, the place in the day that of the last move, the note
-- of the staff the last one; each change counts, and the last of all says when the reservation was changed. Of what came
-- before it was taken over again nothing is left but the count.
turns (kind, status) AS (
    VALUES ('ReservationConfirmed', 'CONFIRMED'),
           ('ReservationRejected', 'REJECTED'),
           ('ReservationCancelled', 'CANCELLED'),
           ('ReservationCompleted', 'COMPLETED'),
           ('ReservationNoShowMarked', 'NO_SHOW'),
           ('ReservationNoShowCorrected', 'CONFIRMED')
),
change AS (
    SELECT event.*, turns.status
    FROM event LEFT JOIN turns USING (kind)
    WHERE turns.kind IS NOT NULL
       OR event.kind IN ('ReservationRescheduled', 'ReservationTimeAssigned', 'AdminNoteWritten')
),
counted AS (
    SELECT id, count(*) AS changes
    FROM (SELECT id FROM change UNION ALL SELECT id FROM event WHERE kind = 'ReservationReimported') AS each
    GROUP BY id
),
later AS (
    SELECT change.* FROM change JOIN entered USING (id) WHERE change.position > entered.position
),
changed AS (
    SELECT id, max(position) AS position FROM later GROUP BY id
),
turned AS (
    SELECT DISTINCT ON (id) id, status, actor, recorded_at
    FROM later
    WHERE status IS NOT NULL
    ORDER BY id, position DESC
),
move AS (
    SELECT id, position, payload -> 'placement' AS placement
    FROM change
    WHERE kind IN ('ReservationRescheduled', 'ReservationTimeAssigned')
),
moved AS (
    SELECT DISTINCT ON (id) move.id, move.placement
    FROM move JOIN entered USING (id)
    WHERE move.position > entered.position
    ORDER BY move.id, move.position DESC
),
-- What was moved before it was taken over again stays where it was moved to, as long as the same is typed in the old system:
-- as it was when it was moved, and each time that it was taken over since. Of what is sealed only the event can say so.
stayed AS (
    SELECT id FROM entered
    WHERE (payload ->> 'is_placed_here')::boolean AND payload ->> 'wish' IS NULL
    UNION
    SELECT DISTINCT entered.id
    FROM entered JOIN move USING (id)
    WHERE move.position < entered.position
      AND (SELECT before.payload ->> 'wish' FROM imported AS before
           WHERE before.id = move.id AND before.position < move.position
           ORDER BY before.position DESC LIMIT 1) = entered.payload ->> 'wish'
      AND NOT EXISTS (SELECT FROM imported AS since
                      WHERE since.id = move.id AND since.position > move.position
                        AND since.payload ->> 'wish' IS DISTINCT FROM entered.payload ->> 'wish')
),
noted AS (
    SELECT DISTINCT ON (id) id, position, payload #>> '{note,key}' AS key
    FROM later
    WHERE kind = 'AdminNoteWritten'
    ORDER BY id, position DESC
),

-- How the free-text column says a place in the day that nobody typed: a time, or a half of the day. Readers of that
-- column take the hours up to 6 for unclear unless 오전 stands before them.
placed AS (
    SELECT id,
           CASE
               WHEN placement #>> '{at,start}' < '07:00' THEN '오전 ' || (placement #>> '{at,start}')
               WHEN placement #>> '{at,start}' IS NOT NULL THEN placement #>> '{at,start}'
               WHEN placement ->> 'period' = 'MORNING' THEN '오전'
               WHEN placement ->> 'period' = 'AFTERNOON' THEN '오후'
           END AS text
    FROM (
        SELECT entered.id, coalesce(moved.placement, entered.payload -> 'placement') AS placement
        FROM entered LEFT JOIN moved USING (id)
    ) AS place
)

SELECT entered.id,
       CASE WHEN lost THEN '(erased)' ELSE '(sealed)' END AS "patientName",
       CASE WHEN lost THEN '(erased)' ELSE '(sealed)' END AS phone,
       CASE WHEN NOT lost THEN '(any)' END AS email,
       CASE WHEN NOT lost THEN '(sealed)' END AS "birthDate",
       CASE WHEN NOT lost THEN '(sealed)' END AS gender,
       CASE WHEN NOT lost THEN '(sealed)' END AS "treatmentType",
       (entered.payload ->> 'date')::date AS "preferredDate",
       CASE
           -- Once it is moved, what was typed is no more.
           WHEN moved.id IS NOT NULL OR stayed.id IS NOT NULL THEN placed.text
           -- What was typed and understood is in plain, and stays when the patient is forgotten: it names a time.
           WHEN entered.payload ->> 'wish' IS NOT NULL THEN entered.payload ->> 'wish'
           -- What was typed and not understood is sealed. An import has a text always, and a rule of the clinic's own may
           -- have placed it; a request that was placed without one was not typed.
           WHEN entered.payload #>> '{placement,review}' IS NULL AND (lost OR entered.is_request) THEN placed.text
           WHEN lost THEN '(erased)'
           ELSE '(sealed)'
       END AS "preferredTime",
       coalesce(turned.status, entered.status) AS status,
       CASE WHEN NOT lost THEN '(any)' END AS notes,
       CASE
           WHEN noted.id IS NULL THEN CASE WHEN NOT lost THEN '(any)' END
           WHEN EXISTS (SELECT FROM forgotten
                        WHERE forgotten.subject = entered.subject AND forgotten.position > noted.position)
                OR EXISTS (SELECT FROM destroyed WHERE destroyed.key = noted.key) THEN NULL
           ELSE '(sealed)'
       END AS "adminNotes",
       entered.created_at AS "createdAt",
       coalesce(last_change.recorded_at, entered.updated_at) AS "updatedAt",
       -- A service for which the old enum has no value is shown as its last one.
       coalesce(entered.payload #>> '{service,legacy}', 'OTHER_CONSULTATION') AS service,
       coalesce(turned.recorded_at, entered.status_changed_at) AS "statusChangedAt",
       CASE WHEN turned.id IS NULL THEN entered.status_changed_by ELSE turned.actor END AS "statusChangedBy",
       entered.subject,
       1 + coalesce(counted.changes, 0) AS version,
       -- Of the service as it was when the booking was made: later changes of the catalog are not of this booking.
       (entered.payload #>> '{service,duration}')::integer + (entered.payload #>> '{service,buffer}')::integer AS minutes,
       CASE
           WHEN moved.id IS NOT NULL OR stayed.id IS NOT NULL OR entered.is_request THEN NULL
           -- Whether a rule of the clinic's own took a text in plain for another time only a reader of texts can say.
           WHEN entered.payload ->> 'wish' IS NOT NULL THEN '(any)'
           WHEN lost THEN NULL
           -- A text that is sealed says nothing itself; what it was placed as stands beside it.
           ELSE coalesce(entered.payload #>> '{placement,at,start}', entered.payload #>> '{placement,period}')
       END AS "readAs"
FROM entered
JOIN placed USING (id)
LEFT JOIN turned USING (id)
LEFT JOIN moved USING (id)
LEFT JOIN stayed USING (id)
LEFT JOIN noted USING (id)
LEFT JOIN counted USING (id)
LEFT JOIN changed USING (id)
LEFT JOIN event AS last_change ON last_change.position = changed.position;
