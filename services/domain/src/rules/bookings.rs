//! What the bookings of a day leave to a service: seats at each moment, minutes of each half, its own daily numbers.

use super::stretch::Stretch;
use super::{Day, legacy};
use crate::catalog::Service;
use crate::hours::ClinicSlot;
use crate::id::{ReservationId, ServiceId};
use crate::schedule::SlotAssignment;
use crate::time::{Instant, Interval, Minutes, Period};

/// The bookings of a day that hold a seat, as one service sees them.
#[derive(Debug, Default)]
pub(super) struct Bookings {
    /// When they take seats that are shared by all services.
    shared: Vec<Interval>,
    /// When they take seats that only this service has.
    own: Vec<Interval>,
    /// Minutes of bookings with a half-day and no time.
    half_days: [Minutes; 2],
    /// Minutes of bookings whose time is under review.
    under_review: Minutes,
    /// Number of bookings of this service as the old system would count them.
    pub(super) old_value_count: usize,
    /// Minutes of bookings of this service.
    pub(super) own_minutes: Minutes,
}

/// Seats at the busiest moment of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seats {
    pub(super) capacity: u32,
    pub(super) taken: u32,
}

impl Seats {
    pub(super) const fn free(self) -> u32 {
        self.capacity.saturating_sub(self.taken)
    }
}

impl Bookings {
    pub(super) fn new(
        day: &Day<'_>,
        service: &Service,
        stretches: &[Stretch<'_>],
        ignoring: Option<&ReservationId>,
    ) -> Self {
        let mut bookings = Self::default();
        let has_own_seats = day.hours.on(day.schedule.date).any(|slot| slot.service.is_some());
        let others = day.schedule.bookings().filter(|(id, _)| ignoring != Some(*id));
        for (_, booking) in others.filter(|(_, booking)| day.counts(booking)) {
            if legacy::counts_for(service, booking) {
                bookings.old_value_count += 1;
            }
            if booking.service == service.id {
                bookings.own_minutes = bookings.own_minutes.saturating_add(booking.total_minutes);
            }
            match booking.placement {
                SlotAssignment::Period(period) => {
                    let minutes = &mut bookings.half_days[half(period)];
                    *minutes = minutes.saturating_add(booking.total_minutes);
                }
                SlotAssignment::Review(_) => {
                    bookings.under_review = bookings.under_review.saturating_add(booking.total_minutes);
                }
                SlotAssignment::At { start, .. } => {
                    let taken = Interval::from_start(day.clock.instant(start), booking.total_minutes);
                    if !has_own_seats {
                        bookings.shared.push(taken);
                    } else if booking.service == service.id {
                        bookings.take(taken, stretches, &service.id);
                    } else {
                        bookings.take(taken, &Stretch::all(day, &booking.service), &service.id);
                    }
                }
            }
        }
        bookings
    }

    /// Records the seats that a booking takes, given the stretches of its service.
    fn take(&mut self, booking: Interval, stretches: &[Stretch<'_>], service: &ServiceId) {
        for (part, slot) in parts(booking, stretches) {
            match slot.and_then(|slot| slot.service.as_ref()) {
                None => self.shared.push(part),
                Some(only) if only == service => self.own.push(part),
                Some(_) => {}
            }
        }
    }

    /// The seats of a booking at the moment at which the fewest are free; `None` before the clinic opens.
    ///
    /// The seats of a stretch count until the next stretch begins: a booking that runs past the hours keeps its seat.
    /// Consecutive bookings share a seat, so the peak counts and not the number of overlapping bookings: intervals with a
    /// peak of `n` always fit on `n` seats.
    pub(super) fn tightest_seats(&self, booking: Interval, stretches: &[Stretch<'_>]) -> Option<Seats> {
        parts(booking, stretches)
            .filter_map(|(part, slot)| {
                let slot = slot?;
                Some(Seats { capacity: slot.max_concurrent, taken: peak(self.taking_seats_of(slot), part) })
            })
            .min_by_key(|seats| (seats.free(), seats.capacity))
    }

    /// Minutes that are booked in some open parts of the day and in its half, or in all of it.
    pub(super) fn minutes<'a>(
        &self,
        open: impl Iterator<Item = (Interval, &'a ClinicSlot)>,
        period: Option<Period>,
    ) -> Minutes {
        let placed = |(part, slot)| {
            let taken = self.taking_seats_of(slot).iter();
            taken.map(|taken| taken.and(part).minutes()).sum::<Minutes>()
        };
        let without_time = match period {
            Some(period) => self.half_days[half(period)],
            None => self.half_days.iter().copied().fold(self.under_review, Minutes::saturating_add),
        };
        open.map(placed).fold(without_time, Minutes::saturating_add)
    }

    fn taking_seats_of(&self, slot: &ClinicSlot) -> &[Interval] {
        if slot.service.is_some() { &self.own } else { &self.shared }
    }
}

const fn half(period: Period) -> usize {
    match period {
        Period::Morning => 0,
        Period::Afternoon => 1,
    }
}

/// Cuts a booking where another clinic slot begins. The part before the first one has none.
fn parts<'a>(
    booking: Interval,
    stretches: &[Stretch<'a>],
) -> impl Iterator<Item = (Interval, Option<&'a ClinicSlot>)> {
    let first = stretches.first().map_or(Instant::MAX, |stretch| stretch.starts.start);
    let before = (Interval { start: Instant::MIN, end: first }, None);
    let ends = stretches.iter().skip(1).map(|next| next.starts.start).chain([Instant::MAX]);
    let during = stretches.iter().zip(ends);
    let during =
        during.map(|(stretch, end)| (Interval { start: stretch.starts.start, end }, Some(stretch.slot)));
    std::iter::once(before)
        .chain(during)
        .map(move |(part, slot)| (booking.and(part), slot))
        .filter(|(part, _)| !part.is_empty())
}

/// The maximum number of intervals in progress at any moment of `during`.
fn peak(intervals: &[Interval], during: Interval) -> u32 {
    let mut changes: Vec<(Instant, i32)> = intervals
        .iter()
        .map(|interval| interval.and(during))
        .filter(|interval| !interval.is_empty())
        .flat_map(|interval| [(interval.start, 1), (interval.end, -1)])
        .collect();
    // A seat that is freed at some moment can be taken at the same moment: -1 sorts before 1.
    changes.sort_unstable();
    let running = changes.into_iter().scan(0i32, |running, (_, change)| {
        *running += change;
        Some(*running)
    });
    running.max().unwrap_or(0).unsigned_abs()
}
