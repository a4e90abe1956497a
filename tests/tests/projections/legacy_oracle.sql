-- Derives the reservations of the legacy view from the events, in one statement.
--
-- It checks the view with code that is independent of the projection: live and rebuilt views are equal even if both are
-- wrong. So it must never read a table other than the event log, never call a function of ours, and never be changed to
-- match the projection without a reason in the meaning of the events.
--
-- Sealed texts are not opened. Three markers replace them: (erased), as the view shows a required text whose key is
-- gone; (sealed), for a text that must be present; (any), for one that may be absent. All other values equal the
-- view's, including their types: compare rows as JSON.
--
-- For PostgreSQL 15 and later. It reads the log several times and is written for readability, not for speed.

WITH event AS (
    SELECT position,
           kind,
           payload,
           payload ->> 'reservation' AS id,
           metadata ->> 'actor' AS actor,
           -- The log has microseconds of UTC; the old columns have milliseconds, and the rest is truncated.
           date_trunc('milliseconds',
               timestamp 'epoch' + (metadata ->> 'recorded_at')::bigint * interval '1 microsecond') AS recorded_at
    FROM event_log.events
),

-- Forgotten patients, and the position: all earlier details of the patient are erased.
forgotten AS (
    SELECT position, (payload ->> 'subject')::uuid AS subject
    FROM event
    WHERE kind = 'SubjectForgotten'
),
-- The keys destroyed with them: a text sealed with one of these is erased everywhere.
destroyed AS (
    SELECT DISTINCT json_array_elements_text(payload -> 'keys') AS key
    FROM event
    WHERE kind = 'SubjectForgotten'
),

-- The first event of each reservation. A request is pending and has no actor; an import has the status of its row. A
-- repeated import, on the same day or on another one, replaces the earlier state: previous events are contained in it or have no effect.
requested AS (
    SELECT id, position, kind, payload,
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
    SELECT id, position, kind, payload,
           false AS is_request,
           payload ->> 'status' AS status,
           date_trunc('milliseconds', (payload ->> 'created_at')::timestamptz AT TIME ZONE 'UTC') AS created_at,
           date_trunc('milliseconds', (payload ->> 'updated_at')::timestamptz AT TIME ZONE 'UTC') AS updated_at,
           date_trunc('milliseconds', (payload ->> 'status_changed_at')::timestamptz AT TIME ZONE 'UTC')
               AS status_changed_at,
           payload ->> 'status_changed_by' AS status_changed_by
    FROM event
    WHERE kind IN ('ReservationImported', 'ReservationReimported', 'ReservationMovedIn')
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

-- The changes of a reservation. The last status change gives the status, the last move the slot, and the last note the
-- note of the staff. Every change counts, and the last one gives the time of the last change. Of changes before a
-- repeated import only the count remains.
turns (kind, status) AS (
    VALUES ('ReservationConfirmed', 'CONFIRMED'),
           ('ReservationRejected', 'REJECTED'),
           ('ReservationCancelled', 'CANCELLED'),
           ('ReservationCompleted', 'COMPLETED'),
           ('ReservationNoShowMarked', 'NO_SHOW'),
           ('ReservationNoShowCorrected', 'CONFIRMED'),
           ('ReservationCompletionCorrected', 'CONFIRMED')
),
change AS (
    SELECT event.*, turns.status
    FROM event LEFT JOIN turns USING (kind)
    WHERE turns.kind IS NOT NULL
       OR event.kind IN ('ReservationRescheduled', 'ReservationTimeAssigned', 'AdminNoteWritten')
),
counted AS (
    SELECT id, count(*) AS changes
    FROM (SELECT id FROM change UNION ALL SELECT id FROM event
          WHERE kind IN ('ReservationReimported', 'ReservationMovedIn')) AS each
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
-- A reservation that was moved before a repeated import keeps its slot as long as its typed text in the old system is
-- unchanged: at the move, and at each import since, and it stays on that day. For sealed texts only the event can tell.
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
                        AND (since.kind = 'ReservationMovedIn'
                             OR since.payload ->> 'wish' IS DISTINCT FROM entered.payload ->> 'wish'))
),
noted AS (
    SELECT DISTINCT ON (id) id, position, payload #>> '{note,key}' AS key
    FROM later
    WHERE kind = 'AdminNoteWritten'
    ORDER BY id, position DESC
),

-- The text of a slot that nobody typed, for the free-text column: a time, or a half of the day. Readers of that column
-- consider hours up to 6 ambiguous unless 오전 precedes them.
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
           -- A move replaces the typed text.
           WHEN moved.id IS NOT NULL OR stayed.id IS NOT NULL THEN placed.text
           -- A text that was typed and parsed is stored in plain. It names a time, so forgetting the patient keeps it.
           WHEN entered.payload ->> 'wish' IS NOT NULL THEN entered.payload ->> 'wish'
           -- A text that was typed but not parsed is sealed. An import always has a text, which a rule of the clinic
           -- may have parsed; a request with a slot but without a text was not typed.
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
       -- A service without a value in the old enum is shown as its last value.
       coalesce(entered.payload #>> '{service,legacy}', 'OTHER_CONSULTATION') AS service,
       coalesce(turned.recorded_at, entered.status_changed_at) AS "statusChangedAt",
       CASE WHEN turned.id IS NULL THEN entered.status_changed_by ELSE turned.actor END AS "statusChangedBy",
       entered.subject,
       1 + coalesce(counted.changes, 0) AS version,
       -- From the service at the time of the booking: later changes of the catalog do not apply to it.
       (entered.payload #>> '{service,duration}')::integer + (entered.payload #>> '{service,buffer}')::integer AS minutes,
       CASE
           WHEN moved.id IS NOT NULL OR stayed.id IS NOT NULL OR entered.is_request THEN NULL
           -- Only a parser could tell whether a rule of the clinic gave another time for a plain text.
           WHEN entered.payload ->> 'wish' IS NOT NULL THEN '(any)'
           WHEN lost THEN NULL
           -- A sealed text says nothing itself; its slot is stored beside it.
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
