//! Counts of open bookings by patient, by network and in all, each by day, so that days that are over do not count.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use daybook_domain::schedule::{BookingBound, BoundReached, RoomAgain};
use daybook_domain::time::ClinicNow;
use daybook_domain::{NetworkFingerprint, PatientFingerprint, ReservationId};

use super::StrangerBounds;

/// An open booking of a stranger.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenBooking {
    pub(super) date: NaiveDate,
    pub(super) patient: PatientFingerprint,
    pub(super) network: Option<NetworkFingerprint>,
}

/// A booking that counts because it is in the log, or because requests for it are being decided.
#[derive(Debug)]
struct Entry {
    booking: OpenBooking,
    is_recorded: bool,
    /// Requests that are being decided: a repeated one has the same id.
    holds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    All,
    Patient(PatientFingerprint),
    Network(NetworkFingerprint),
}

/// The open bookings, and their numbers.
#[derive(Debug, Default)]
pub(super) struct Index {
    bookings: HashMap<ReservationId, Entry>,
    numbers: BTreeMap<(Key, NaiveDate), u32>,
    /// The day before which bookings are forgotten.
    today: NaiveDate,
}

impl OpenBooking {
    fn keys(&self) -> impl Iterator<Item = Key> {
        [Some(Key::All), Some(Key::Patient(self.patient)), self.network.map(Key::Network)]
            .into_iter()
            .flatten()
    }
}

impl Index {
    /// Enters a booking whose request is about to be decided. One that is there already is asked for again, and needs no
    /// place.
    pub(super) fn enter(
        &mut self,
        reservation: &ReservationId,
        booking: OpenBooking,
        bounds: &StrangerBounds,
        now: ClinicNow,
    ) -> Result<(), BoundReached> {
        self.forget_past(now.today());
        if let Some(known) = self.bookings.get_mut(reservation) {
            known.holds += 1;
            return Ok(());
        }
        for key in booking.keys() {
            let (bound, most) = match key {
                Key::All => (BookingBound::All, bounds.in_all),
                Key::Patient(_) => (BookingBound::Patient, bounds.per_patient),
                Key::Network(_) => (BookingBound::Network, bounds.per_network),
            };
            if most > 0
                && let Some(last) = self.last_in_the_way(key, most)
            {
                return Err(BoundReached { bound, room: end_of(last, now) });
            }
        }
        self.insert(reservation, Entry { booking, is_recorded: false, holds: 1 });
        Ok(())
    }

    /// Enters a booking that is in the log.
    pub(super) fn follow(&mut self, reservation: &ReservationId, booking: OpenBooking) {
        match self.bookings.get_mut(reservation) {
            Some(known) => known.is_recorded = true,
            None if booking.date < self.today => {}
            None => self.insert(reservation, Entry { booking, is_recorded: true, holds: 0 }),
        }
    }

    fn insert(&mut self, reservation: &ReservationId, entry: Entry) {
        for key in entry.booking.keys() {
            *self.numbers.entry((key, entry.booking.date)).or_default() += 1;
        }
        self.bookings.insert(reservation.clone(), entry);
    }

    /// The booking is in the log. It is gone if it was cancelled since.
    pub(super) fn record(&mut self, reservation: &ReservationId) {
        if let Some(entry) = self.bookings.get_mut(reservation) {
            entry.is_recorded = true;
        }
    }

    /// A request has been decided. The booking stays if it is in the log, or if another request for it is being decided.
    pub(super) fn release(&mut self, reservation: &ReservationId) {
        let Some(entry) = self.bookings.get_mut(reservation) else { return };
        entry.holds = entry.holds.saturating_sub(1);
        if entry.holds == 0 && !entry.is_recorded {
            self.remove(reservation);
        }
    }

    pub(super) fn remove(&mut self, reservation: &ReservationId) {
        let Some(Entry { booking, .. }) = self.bookings.remove(reservation) else { return };
        for key in booking.keys() {
            if let Some(number) = self.numbers.get_mut(&(key, booking.date)) {
                *number -= 1;
                if *number == 0 {
                    self.numbers.remove(&(key, booking.date));
                }
            }
        }
    }

    /// If there are `most` open bookings or more: the day after which there are fewer.
    fn last_in_the_way(&self, key: Key, most: u32) -> Option<NaiveDate> {
        let days = || self.numbers.range((key, NaiveDate::MIN)..=(key, NaiveDate::MAX));
        let mut open: u32 = days().map(|(_, number)| number).sum();
        if open < most {
            return None;
        }
        days().find_map(|((_, date), number)| {
            open -= number;
            (open < most).then_some(*date)
        })
    }

    fn forget_past(&mut self, today: NaiveDate) {
        if today <= self.today {
            return;
        }
        self.today = today;
        self.bookings.retain(|_, entry| entry.booking.date >= today);
        self.numbers.retain(|(_, date), _| *date >= today);
    }
}

fn end_of(date: NaiveDate, now: ClinicNow) -> Option<RoomAgain> {
    now.zone.day_clock(date).end().to_utc().map(|end| RoomAgain::at(end, now.instant))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_domain::ClinicZone;

    use super::*;

    const BOUNDS: StrangerBounds =
        StrangerBounds { per_patient: 2, per_network: 3, in_all: 4, ..StrangerBounds::NONE };

    fn now(time: &str) -> ClinicNow {
        ClinicNow { instant: time.parse().unwrap(), zone: ClinicZone::SEOUL }
    }

    fn enter(
        index: &mut Index,
        [id, patient, network, day]: [u8; 4],
        time: &str,
    ) -> Result<(), BoundReached> {
        let booking = OpenBooking {
            date: NaiveDate::from_ymd_opt(2026, 12, day.into()).unwrap(),
            patient: PatientFingerprint::from_bytes([patient; 16]),
            network: Some(NetworkFingerprint::from_bytes([network; 16])),
        };
        index.enter(&reservation(id), booking, &BOUNDS, now(time))
    }

    fn reservation(id: u8) -> ReservationId {
        ReservationId::parse(format!("r{id}")).unwrap()
    }

    const TODAY: &str = "2026-12-01T01:00:00Z";

    #[test]
    fn each_bound_is_named_with_the_day_after_which_there_is_room() {
        let mut index = Index::default();
        assert_eq!(enter(&mut index, [1, 1, 1, 3], TODAY), Ok(()));
        assert_eq!(enter(&mut index, [2, 1, 2, 2], TODAY), Ok(()));
        let room = |day: &str| {
            let end = format!("2026-12-{day}T15:00:00Z").parse().unwrap();
            Some(RoomAgain::at(end, now(TODAY).instant))
        };
        let reached = |bound, day| Err(BoundReached { bound, room: room(day) });
        assert_eq!(enter(&mut index, [3, 1, 3, 9], TODAY), reached(BookingBound::Patient, "02"));
        assert_eq!(enter(&mut index, [1, 1, 1, 3], TODAY), Ok(()), "it is there already");
        assert_eq!(enter(&mut index, [4, 2, 1, 3], TODAY), Ok(()));
        assert_eq!(enter(&mut index, [5, 3, 1, 5], TODAY), Ok(()));
        assert_eq!(enter(&mut index, [6, 4, 9, 5], TODAY), reached(BookingBound::All, "02"));
        index.remove(&reservation(2));
        assert_eq!(enter(&mut index, [6, 4, 1, 5], TODAY), reached(BookingBound::Network, "03"));
    }

    #[test]
    fn days_that_are_over_and_what_is_withdrawn_or_removed_do_not_count() {
        let mut index = Index::default();
        for number in 1..=4 {
            assert_eq!(enter(&mut index, [number, number, number, number], TODAY), Ok(()));
        }
        assert!(enter(&mut index, [5, 5, 5, 9], TODAY).is_err());
        index.record(&reservation(1));
        index.release(&reservation(1));
        assert!(enter(&mut index, [5, 5, 5, 9], TODAY).is_err(), "a recorded booking stays");
        // A repeated request that is refused leaves the first one its place.
        assert_eq!(enter(&mut index, [2, 2, 2, 2], TODAY), Ok(()));
        index.release(&reservation(2));
        assert!(enter(&mut index, [5, 5, 5, 9], TODAY).is_err(), "the first request is being decided");
        index.release(&reservation(2));
        assert_eq!(enter(&mut index, [5, 5, 5, 9], TODAY), Ok(()));
        index.remove(&reservation(1));
        index.remove(&reservation(1));
        assert_eq!(enter(&mut index, [6, 6, 6, 9], TODAY), Ok(()));
        // In Seoul the next days have begun.
        let later = "2026-12-04T15:00:00Z";
        assert_eq!(enter(&mut index, [7, 7, 7, 9], later), Ok(()));
        assert_eq!(enter(&mut index, [8, 8, 8, 9], later), Ok(()));
        assert!(enter(&mut index, [9, 9, 9, 9], later).is_err());
        assert_eq!((index.bookings.len(), index.numbers.len()), (4, 9));
    }
}
