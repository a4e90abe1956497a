//! Counts of open bookings by patient, by network and in all, each by day, so that days that are over do not count.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use daybook_domain::schedule::{BookingBound, BoundReached, ExceededBounds, RoomAgain};
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

/// How many bookings there are.
#[derive(Debug, Default, Clone, Copy)]
struct Number {
    recorded: u32,
    /// Their requests are being decided.
    pending: u32,
}

/// The open bookings, and their numbers.
#[derive(Debug, Default)]
pub(super) struct Index {
    bookings: HashMap<ReservationId, Entry>,
    numbers: BTreeMap<(Key, NaiveDate), Number>,
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

impl Number {
    const fn of(&mut self, is_recorded: bool) -> &mut u32 {
        if is_recorded { &mut self.recorded } else { &mut self.pending }
    }
}

impl Index {
    /// Enters a booking whose request is about to be decided, unless it exceeds a bound. One that is there already is asked for
    /// again, and needs no place.
    pub(super) fn enter(
        &mut self,
        reservation: &ReservationId,
        booking: OpenBooking,
        bounds: &StrangerBounds,
        now: ClinicNow,
    ) -> ExceededBounds {
        self.forget_past(now.today());
        let within = ExceededBounds::default();
        if let Some(known) = self.bookings.get_mut(reservation) {
            // Another request with the same key may get the place: whether this one finds it is not known yet.
            if !known.is_recorded && known.booking.patient != booking.patient {
                return ExceededBounds {
                    patient: Some(BoundReached::pending(BookingBound::Patient)),
                    ..within
                };
            }
            known.holds += 1;
            return within;
        }
        let reached = |key, bound, most| self.reached(key, bound, most, now);
        let all = reached(Key::All, BookingBound::All, bounds.in_all);
        let network = || reached(Key::Network(booking.network?), BookingBound::Network, bounds.per_network);
        let common = all.or_else(network);
        let patient = reached(Key::Patient(booking.patient), BookingBound::Patient, bounds.per_patient);
        if common.is_none() && patient.is_none() {
            self.insert(reservation, Entry { booking, is_recorded: false, holds: 1 });
        }
        ExceededBounds { common, patient, ..within }
    }

    /// Enters a booking that is in the log.
    pub(super) fn follow(&mut self, reservation: &ReservationId, booking: OpenBooking) {
        match self.bookings.get(reservation) {
            Some(_) => self.record(reservation),
            None if booking.date < self.today => {}
            None => self.insert(reservation, Entry { booking, is_recorded: true, holds: 0 }),
        }
    }

    fn insert(&mut self, reservation: &ReservationId, entry: Entry) {
        self.count(&entry.booking, |number| *number.of(entry.is_recorded) += 1);
        self.bookings.insert(reservation.clone(), entry);
    }

    /// The booking is in the log. It is gone if it was cancelled since.
    pub(super) fn record(&mut self, reservation: &ReservationId) {
        let Some(entry) = self.bookings.get_mut(reservation).filter(|entry| !entry.is_recorded) else {
            return;
        };
        entry.is_recorded = true;
        let booking = entry.booking;
        self.count(&booking, |number| {
            number.pending -= 1;
            number.recorded += 1;
        });
    }

    fn count(&mut self, booking: &OpenBooking, change: impl Fn(&mut Number)) {
        for key in booking.keys() {
            let number = self.numbers.entry((key, booking.date)).or_default();
            change(number);
            if number.recorded + number.pending == 0 {
                self.numbers.remove(&(key, booking.date));
            }
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
        let Some(entry) = self.bookings.remove(reservation) else { return };
        self.count(&entry.booking, |number| *number.of(entry.is_recorded) -= 1);
    }

    /// Whether there are `most` bookings or more, and the end of the day after which there are fewer. 0 stands for no bound.
    fn reached(&self, key: Key, bound: BookingBound, most: u32, now: ClinicNow) -> Option<BoundReached> {
        if most == 0 {
            return None;
        }
        let days = || self.numbers.range((key, NaiveDate::MIN)..=(key, NaiveDate::MAX));
        let mut recorded: u32 = days().map(|(_, number)| number.recorded).sum();
        let pending: u32 = days().map(|(_, number)| number.pending).sum();
        if recorded + pending < most {
            return None;
        }
        if recorded < most {
            return Some(BoundReached::pending(bound));
        }
        let last = days().find_map(|((_, date), number)| {
            recorded -= number.recorded;
            (recorded < most).then_some(*date)
        });
        Some(BoundReached::new(bound, last.and_then(|last| end_of(last, now))))
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

    fn enter(index: &mut Index, [id, patient, network, day]: [u8; 4], time: &str) -> ExceededBounds {
        let booking = OpenBooking {
            date: NaiveDate::from_ymd_opt(2026, 12, day.into()).unwrap(),
            patient: PatientFingerprint::from_bytes([patient; 16]),
            network: Some(NetworkFingerprint::from_bytes([network; 16])),
        };
        index.enter(&reservation(id), booking, &BOUNDS, now(time))
    }

    /// Enters a booking and records it.
    fn book(index: &mut Index, booking: [u8; 4], time: &str) -> ExceededBounds {
        let exceeded = enter(index, booking, time);
        index.record(&reservation(booking[0]));
        index.release(&reservation(booking[0]));
        exceeded
    }

    fn reservation(id: u8) -> ReservationId {
        ReservationId::parse(format!("r{id}")).unwrap()
    }

    const TODAY: &str = "2026-12-01T01:00:00Z";
    const WITHIN: ExceededBounds = ExceededBounds { common: None, number: None, patient: None };

    fn reached(bound: BookingBound, day: &str) -> Option<BoundReached> {
        let end = format!("2026-12-{day}T15:00:00Z").parse().unwrap();
        Some(BoundReached::new(bound, Some(RoomAgain::at(end, now(TODAY).instant))))
    }

    #[test]
    fn each_bound_is_named_with_the_day_after_which_there_is_room() {
        let mut index = Index::default();
        assert_eq!(book(&mut index, [1, 1, 1, 3], TODAY), WITHIN);
        assert_eq!(book(&mut index, [2, 1, 2, 2], TODAY), WITHIN);
        let patient = reached(BookingBound::Patient, "02");
        assert_eq!(book(&mut index, [3, 1, 3, 9], TODAY), ExceededBounds { patient, ..WITHIN });
        assert_eq!(book(&mut index, [1, 1, 1, 3], TODAY), WITHIN, "it is there already");
        assert_eq!(book(&mut index, [4, 2, 1, 3], TODAY), WITHIN);
        assert_eq!(book(&mut index, [5, 3, 1, 5], TODAY), WITHIN);
        let common = reached(BookingBound::All, "02");
        assert_eq!(book(&mut index, [6, 4, 9, 5], TODAY), ExceededBounds { common, ..WITHIN });
        index.remove(&reservation(2));
        let common = reached(BookingBound::Network, "03");
        assert_eq!(book(&mut index, [6, 4, 1, 5], TODAY), ExceededBounds { common, ..WITHIN });
        assert_eq!(book(&mut index, [6, 1, 9, 5], TODAY), WITHIN);
        let both = ExceededBounds { common: reached(BookingBound::All, "03"), number: None, patient: None };
        assert_eq!(book(&mut index, [7, 9, 1, 5], TODAY), both, "all strangers come before the network");
    }

    #[test]
    fn requests_that_are_being_decided_keep_a_place_back_but_do_not_make_a_bound() {
        let mut index = Index::default();
        assert_eq!(enter(&mut index, [1, 1, 1, 3], TODAY), WITHIN);
        assert_eq!(enter(&mut index, [2, 1, 1, 4], TODAY), WITHIN);
        let pending = Some(BoundReached::pending(BookingBound::Patient));
        assert_eq!(enter(&mut index, [3, 1, 2, 5], TODAY), ExceededBounds { patient: pending, ..WITHIN });
        // Somebody else's request with the same key.
        assert_eq!(enter(&mut index, [1, 2, 2, 3], TODAY), ExceededBounds { patient: pending, ..WITHIN });
        index.release(&reservation(1));
        assert_eq!(enter(&mut index, [3, 1, 1, 5], TODAY), WITHIN);
        assert_eq!(enter(&mut index, [4, 4, 1, 6], TODAY), WITHIN);
        let common = Some(BoundReached::pending(BookingBound::Network));
        assert_eq!(enter(&mut index, [5, 5, 1, 6], TODAY), ExceededBounds { common, ..WITHIN });
        for id in [2, 3, 4] {
            index.record(&reservation(id));
            index.follow(&reservation(id), index.bookings[&reservation(id)].booking);
        }
        let common = reached(BookingBound::Network, "04");
        assert_eq!(enter(&mut index, [5, 5, 1, 6], TODAY), ExceededBounds { common, ..WITHIN });
    }

    #[test]
    fn days_that_are_over_and_what_is_withdrawn_or_removed_do_not_count() {
        let mut index = Index::default();
        for number in 1..=4 {
            assert_eq!(enter(&mut index, [number, number, number, number], TODAY), WITHIN);
        }
        assert_ne!(enter(&mut index, [5, 5, 5, 9], TODAY), WITHIN);
        index.record(&reservation(1));
        index.release(&reservation(1));
        assert_ne!(enter(&mut index, [5, 5, 5, 9], TODAY), WITHIN, "a recorded booking stays");
        // A repeated request that is refused leaves the first one its place.
        assert_eq!(enter(&mut index, [2, 2, 2, 2], TODAY), WITHIN);
        index.release(&reservation(2));
        assert_ne!(enter(&mut index, [5, 5, 5, 9], TODAY), WITHIN, "the first request is being decided");
        index.release(&reservation(2));
        assert_eq!(enter(&mut index, [5, 5, 5, 9], TODAY), WITHIN);
        index.remove(&reservation(1));
        index.remove(&reservation(1));
        assert_eq!(enter(&mut index, [6, 6, 6, 9], TODAY), WITHIN);
        // In Seoul the next days have begun.
        let later = "2026-12-04T15:00:00Z";
        assert_eq!(enter(&mut index, [7, 7, 7, 9], later), WITHIN);
        assert_eq!(enter(&mut index, [8, 8, 8, 9], later), WITHIN);
        assert_ne!(enter(&mut index, [9, 9, 9, 9], later), WITHIN);
        assert_eq!((index.bookings.len(), index.numbers.len()), (4, 9));
    }
}
