// What an event does to the row of its reservation: the columns of Daybook's dynamic view, under the same names.
//
// It must never read a clock: two rebuilds give the same rows.

/** The event that brings a reservation into being. */
export const ENTERED = 'ReservationRequested';

/** The status that an event leaves behind. */
const STATUS_AFTER = {
  ReservationConfirmed: 'CONFIRMED',
  ReservationCancelled: 'CANCELLED',
  ReservationCompleted: 'COMPLETED',
};

/** All events that a reservation has. */
export const EVENT_TYPES = [ENTERED, ...Object.keys(STATUS_AFTER), 'AdminNoteWritten'];

/** The row as a reservation enters. */
export function entered({ reservation, at, entry }) {
  return {
    id: reservation,
    ...entry,
    status: 'PENDING',
    createdAt: at,
    updatedAt: at,
    statusChangedAt: at,
    statusChangedBy: null,
    version: 1,
  };
}

/** The columns that an event changes, beside `version`, which goes up by one. */
export function changes({ type, data }) {
  const { at, actor, note } = data;
  if (type === 'AdminNoteWritten') {
    return { adminNotes: note, updatedAt: at };
  }
  const status = STATUS_AFTER[type];
  if (status === undefined) {
    throw new Error(`nothing is known of events of the type ${type}`);
  }
  return { status, statusChangedAt: at, statusChangedBy: actor, updatedAt: at };
}
