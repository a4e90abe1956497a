// The two kinds of projection that Emmett has for PostgreSQL. Each writes one row per reservation.
//
// They must never do less than their kind does by default: no caches and no batches of our own.

import { rawSql, sql } from '@event-driven-io/dumbo';
import { pongoSingleStreamProjection, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql';

import { REQUESTED, EVENT_TYPES, changes, newRow } from './row.js';

/** Pongo documents, which Emmett's guides recommend first. */
export function documents(version) {
  return pongoSingleStreamProjection({
    collectionName: 'reservations',
    version,
    canHandle: EVENT_TYPES,
    getDocumentId: ({ data }) => data.reservation,
    evolve: (document, event) =>
      event.type === REQUESTED
        ? newRow(event.data)
        : { ...document, ...changes(event), version: document.version + 1 },
  });
}

/** A plain table, written with one statement per event. */
export function plainTable(version) {
  const table = plainTableName(version);
  return postgreSQLRawSQLProjection({
    name: table,
    version,
    canHandle: EVENT_TYPES,
    init: () => rawSql(plainTableSQL(table)),
    evolve: (event) => (event.type === REQUESTED ? insert(table, newRow(event.data)) : update(table, event)),
  });
}

export const plainTableName = (version) => `reservation_rows_v${version}`;

function insert(table, row) {
  const columns = Object.keys(row).map((column) => `"${column}"`);
  const places = columns.map(() => '%L');
  return sql(`INSERT INTO ${table} (${columns}) VALUES (${places})`, ...Object.values(row));
}

function update(table, event) {
  const changed = changes(event);
  const columns = Object.keys(changed).map((column) => `"${column}" = %L`);
  return sql(
    `UPDATE ${table} SET ${columns}, version = version + 1 WHERE id = %L`,
    ...Object.values(changed),
    event.data.reservation,
  );
}

const plainTableSQL = (table) => `
  CREATE TABLE ${table} (
    id                  text         PRIMARY KEY,
    "patientName"       text         NOT NULL,
    phone               text         NOT NULL,
    email               text,
    "birthDate"         timestamp(3),
    gender              text,
    "treatmentType"     text,
    "preferredDate"     date         NOT NULL,
    "requestedTime"     text,
    status              text         NOT NULL,
    notes               text,
    "adminNotes"        text,
    "createdAt"         timestamp(3) NOT NULL,
    "updatedAt"         timestamp(3) NOT NULL,
    "statusChangedAt"   timestamp(3) NOT NULL,
    "statusChangedBy"   text,
    "serviceId"         text         NOT NULL,
    "serviceName"       text         NOT NULL,
    "estimatedDuration" integer      NOT NULL,
    period              text,
    "timeSlotStart"     text,
    "timeSlotEnd"       text,
    subject             uuid         NOT NULL,
    version             integer      NOT NULL
  )`;
