// Applies an event to the row of its reservation, with the columns of Daybook's dynamic view.
//
// It must never read a clock: two rebuilds produce the same rows.

/** The event that creates a reservation. */
export const REQUESTED = 'ReservationRequested';

/** The status after an event. */
const STATUS_AFTER = {
  ReservationConfirmed: 'CONFIRMED',
  ReservationCancelled: 'CANCELLED',
  ReservationCompleted: 'COMPLETED',
};

export const EVENT_TYPES = [REQUESTED, ...Object.keys(STATUS_AFTER), 'AdminNoteWritten'];

/** The row of a new reservation. */
export function newRow({ reservation, at, entry }) {
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

/** The columns that an event changes, besides `version`, which increases by one. */
export function changes({ type, data }) {
  const { at, actor, note } = data;
  if (type === 'AdminNoteWritten') {
    return { adminNotes: note, updatedAt: at };
  }
  const status = STATUS_AFTER[type];
  if (status === undefined) {
    throw new Error(`unknown event type ${type}`);
  }
  return { status, statusChangedAt: at, statusChangedBy: actor, updatedAt: at };
}
