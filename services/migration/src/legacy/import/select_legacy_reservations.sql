-- The old system's reservations as text, in the order of the columns that an import reads.
-- Text for all, so that a live database and its CSV export go through one parser.
SELECT id::text, "patientName"::text, phone::text, email::text, "birthDate"::text, gender::text,
       "treatmentType"::text, "preferredDate"::text, "preferredTime"::text, status::text, notes::text,
       "adminNotes"::text, "createdAt"::text, "updatedAt"::text, service::text, "statusChangedAt"::text,
       "statusChangedBy"::text
FROM reservations
WHERE $1::timestamp IS NULL OR "updatedAt" >= $1
ORDER BY "preferredDate", id
