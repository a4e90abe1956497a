//! Bookings of the old system that do not fit on the seats of a day to come. The old system sold a time more than once;
//! Daybook imports all of them, and the front desk has to know.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use daybook_domain::catalog::Service;
use daybook_domain::rules::{Candidate, Day, check_common};
use daybook_domain::schedule::{Booking, DaySchedule, Rejection, SlotAssignment};
use daybook_domain::time::ClinicNow;
use daybook_domain::{LegacyService, ReservationId, SubjectId};

use crate::legacy::import::reference_data::ReferenceData;
use crate::legacy::import::reject::Place;
use crate::legacy::import::row::RawRow;

/// Bookings that are compared. Further ones are not, but a run imports them.
const MAX_BOOKINGS: usize = 200_000;

/// Bookings of days from today on that hold a seat.
pub(super) struct FutureSeats {
    now: ClinicNow,
    days: BTreeMap<NaiveDate, HashMap<ReservationId, (Booking, Place)>>,
    bookings: usize,
}

impl FutureSeats {
    pub(super) fn new(now: ClinicNow) -> Self {
        Self { now, days: BTreeMap::new(), bookings: 0 }
    }

    pub(super) fn add(
        &mut self,
        row: &RawRow,
        date: NaiveDate,
        placement: SlotAssignment,
        data: &ReferenceData,
    ) {
        if date < self.now.today() || placement.start().is_none() || self.bookings >= MAX_BOOKINGS {
            return;
        }
        let status = row.word("status").filter(|status: &daybook_domain::Status| status.holds_seat());
        let service = row.word("service").and_then(|service| data.catalog.by_legacy(service));
        let (Some(id), Some(status), Some(service)) = (row.id(), status, service) else { return };
        let booking = Booking {
            subject: SubjectId::from_bytes([0; 16]),
            service: service.id.clone(),
            shown_as: service.legacy.unwrap_or(LegacyService::FOR_NEW_SERVICES),
            total_minutes: service.total_minutes(),
            treatment: Some(service.duration),
            placement,
            is_reviewable: false,
            status,
            status_reason: None,
            version: 1,
            fingerprint: None,
            patient: None,
            stranger: None,
        };
        self.bookings += 1;
        // Of several rows with one id, a run imports the first one.
        self.days.entry(date).or_default().entry(id).or_insert((booking, row.place.clone()));
    }

    /// The places of bookings whose seat another booking has.
    pub(super) fn taken_twice(self, data: &ReferenceData) -> Vec<Place> {
        let mut places = Vec::new();
        for (date, bookings) in self.days {
            let entries = bookings.iter().map(|(id, (booking, _))| (id.clone(), booking.clone()));
            let schedule = DaySchedule::from_bookings(date, entries, []);
            let day = Day::new(&schedule, &data.hours, self.now);
            let is_taken = |id: &ReservationId, booking: &Booking| {
                let service = data.catalog.get(&booking.service);
                service.is_some_and(|service| has_no_seat(&day, id, booking, service))
            };
            let mut taken: Vec<Place> = bookings
                .iter()
                .filter(|(id, (booking, _))| is_taken(id, booking))
                .map(|(_, (_, place))| place.clone())
                .collect();
            taken.sort();
            places.extend(taken);
        }
        places
    }
}

/// Outside the clinic's hours there is no seat to share; that is another anomaly.
fn has_no_seat(day: &Day<'_>, id: &ReservationId, booking: &Booking, service: &Service) -> bool {
    let candidate = Candidate {
        service,
        total_minutes: booking.total_minutes,
        placement: &booking.placement,
        ignoring: Some(id),
    };
    matches!(check_common(day, &candidate), Err(Rejection::SlotTaken { .. }))
}
