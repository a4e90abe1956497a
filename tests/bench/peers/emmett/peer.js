// Emmett on PostgreSQL, with the commands of the benchmark's driver:
//
//   node peer.js load FILE       appends the events of FILE, one JSON object per line, in their order
//   node peer.js rebuild NUMBER [tuned]
//                                rebuilds a new version of the projection; prints the seconds as JSON on standard output
//
// DATABASE_URL names the database. It must never measure anything but the rebuild.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

import { getPostgreSQLEventStore, rebuildPostgreSQLProjections } from '@event-driven-io/emmett-postgresql';

import { documents, plainTable, plainTableName } from './projections.js';

/** Events per batch and the pause between batches in milliseconds, for the tuned projection. */
const TUNED_PULLING = { batchSize: 1000, pullingFrequencyInMs: 0 };

async function load(connectionString, file) {
  const store = getPostgreSQLEventStore(connectionString);
  // One append per event, one after another: a reader can skip events of concurrent appends.
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { type, ...data } = JSON.parse(line);
    await store.appendToStream(`reservation-${data.reservation}`, [{ type, data }]);
  }
  await store.close();
}

async function rebuild(connectionString, version, tuned) {
  const consumer = rebuildPostgreSQLProjections({
    connectionString,
    projections: [tuned ? plainTable(version) : documents(version)],
    ...(tuned ? { pulling: TUNED_PULLING } : {}),
  });
  await consumer.init();
  const since = process.hrtime.bigint();
  await consumer.start();
  const seconds = Number(process.hrtime.bigint() - since) / 1e9;
  await consumer.close();
  const rows = tuned
    ? `SELECT to_jsonb(r) FROM ${plainTableName(version)} r`
    : `SELECT data FROM reservations_v${version}`;
  console.log(JSON.stringify({ seconds, rows }));
}

const [command, argument, variant] = process.argv.slice(2);
const connectionString = process.env.DATABASE_URL;
if (command === 'load' && connectionString) {
  await load(connectionString, argument);
} else if (command === 'rebuild' && connectionString) {
  await rebuild(connectionString, Number(argument), variant === 'tuned');
} else {
  console.error('usage: DATABASE_URL=... node peer.js load FILE | rebuild NUMBER [tuned]');
  process.exitCode = 2;
}
