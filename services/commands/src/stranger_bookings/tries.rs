//! How often strangers may try something whose answer depends on a birth date.
//!
//! A try takes a token when its answer is known and has disclosed something. Until then it keeps one back, so that many at once
//! are bounded too. Equal requests that are decided at the same time are one try.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use daybook_domain::schedule::{BookingBound, BoundReached, RoomAgain};
use daybook_domain::{PatientFingerprint, RequestFingerprint, ReservationId, SubjectId};

use crate::budget::{Budgets, Rate};

/// Time until a phone number, or a key, has one of its tries back.
const REFILL: Duration = Duration::from_secs(12 * 60 * 60);

/// Other requests that may come with the key of a booking.
const PER_KEY: Rate = Rate { tokens: 10, refill: REFILL };

/// Most phone numbers, most keys and most patients that are counted at a time.
const MAX_KEYS: usize = 100_000;

/// A request. Two equal ones are the same try.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Try {
    pub(super) subject: SubjectId,
    pub(super) patient: PatientFingerprint,
    pub(super) fingerprint: RequestFingerprint,
    /// The reservation that its key names, if it has one.
    pub(super) named: Option<ReservationId>,
}

/// What the answer to a try discloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disclosure {
    /// Nothing that depends on the birth date.
    Nothing,
    /// Whether the patient has a booking.
    Bookings,
    /// That no booking of the patient was in the way, if the decision was made before the failure.
    Failure,
    /// That the key belongs to another request.
    OtherRequest,
}

/// The bounds that a try exceeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub(super) number: Option<BoundReached>,
    pub(super) key: Option<BoundReached>,
}

/// A try that is being decided.
#[derive(Debug)]
struct OpenTry {
    requests: u32,
    exceeded: Exceeded,
    is_paid: bool,
}

#[derive(Debug)]
pub(super) struct Tries {
    /// None if there is no bound.
    numbers: Option<Budgets<SubjectId>>,
    keys: Budgets<ReservationId>,
    open: HashMap<Try, OpenTry>,
    /// The patients for whom a failure took a token.
    failed: HashSet<PatientFingerprint>,
}

impl Tries {
    /// 0 stands for no bound of a number.
    pub(super) fn new(per_number: u32) -> Self {
        let rate = Rate { tokens: per_number, refill: REFILL };
        Self {
            numbers: (per_number > 0).then(|| Budgets::new(rate, MAX_KEYS)),
            keys: Budgets::new(PER_KEY, MAX_KEYS),
            open: HashMap::new(),
            failed: HashSet::new(),
        }
    }

    /// Begins a try. [`Self::end`] has to follow.
    pub(super) fn begin(&mut self, asked: &Try, at: DateTime<Utc>, now: Instant) -> Exceeded {
        if let Some(open) = self.open.get_mut(asked) {
            open.requests += 1;
            return open.exceeded;
        }
        let exceeded =
            Exceeded { number: self.number(asked.subject, at, now), key: self.key(asked, at, now) };
        self.open.insert(asked.clone(), OpenTry { requests: 1, exceeded, is_paid: false });
        exceeded
    }

    fn number(&self, subject: SubjectId, at: DateTime<Utc>, now: Instant) -> Option<BoundReached> {
        let holds = |(asked, open): &(&Try, &OpenTry)| {
            asked.subject == subject && open.exceeded.number.is_none() && !open.is_paid
        };
        let held = self.open.iter().filter(holds).count();
        reached(self.numbers.as_ref()?, &subject, held, BookingBound::Number, (at, now))
    }

    fn key(&self, asked: &Try, at: DateTime<Utc>, now: Instant) -> Option<BoundReached> {
        let named = asked.named.as_ref()?;
        let holds = |(asked, open): &(&Try, &OpenTry)| {
            asked.named.as_ref() == Some(named) && open.exceeded.key.is_none() && !open.is_paid
        };
        let held = self.open.iter().filter(holds).count();
        reached(&self.keys, named, held, BookingBound::Key, (at, now))
    }

    /// The answer is known.
    pub(super) fn end(&mut self, asked: &Try, disclosed: Disclosure, now: Instant) {
        let Some(open) = self.open.get_mut(asked) else { return };
        open.requests -= 1;
        let (is_last, is_free) = (open.requests == 0, open.is_paid || disclosed == Disclosure::Nothing);
        open.is_paid |= disclosed != Disclosure::Nothing;
        if is_last {
            self.open.remove(asked);
        }
        if is_free || (disclosed == Disclosure::Failure && !self.has_failed_first(asked.patient)) {
            return;
        }
        match (disclosed, &asked.named, &mut self.numbers) {
            (Disclosure::OtherRequest, Some(named), _) => self.keys.spend(named.clone(), now),
            (_, _, Some(numbers)) => numbers.spend(asked.subject, now),
            (_, _, None) => {}
        }
    }

    /// Whether this is the first failure of a patient: a client that repeats it while the log is away pays once.
    fn has_failed_first(&mut self, patient: PatientFingerprint) -> bool {
        if self.failed.len() >= MAX_KEYS {
            self.failed.clear();
        }
        self.failed.insert(patient)
    }
}

fn reached<K: Eq + std::hash::Hash>(
    budgets: &Budgets<K>,
    key: &K,
    held: usize,
    bound: BookingBound,
    (at, now): (DateTime<Utc>, Instant),
) -> Option<BoundReached> {
    if let Some(wait) = budgets.wait(key, now) {
        return Some(BoundReached::new(bound, RoomAgain::after(wait, at)));
    }
    let held = u32::try_from(held).unwrap_or(u32::MAX);
    (!budgets.has_beside(key, held, now)).then(|| BoundReached::pending(bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_try(birth_date: u8, key: Option<&str>) -> Try {
        Try {
            subject: SubjectId::from_bytes([1; 16]),
            patient: PatientFingerprint::from_bytes([birth_date; 16]),
            fingerprint: RequestFingerprint::from_bytes([birth_date; 16]),
            named: key.and_then(|key| ReservationId::parse(key).ok()),
        }
    }

    struct Clock(Tries, Instant);

    impl Clock {
        fn with(per_number: u32) -> Self {
            Self(Tries::new(per_number), Instant::now())
        }

        fn begin(&mut self, asked: &Try) -> Exceeded {
            self.0.begin(asked, DateTime::UNIX_EPOCH, self.1)
        }

        fn end(&mut self, asked: &Try, disclosed: Disclosure) {
            self.0.end(asked, disclosed, self.1);
        }

        /// Whether it may go ahead. Its answer tells this.
        fn tries(&mut self, asked: &Try, disclosed: Disclosure) -> bool {
            let exceeded = self.begin(asked);
            self.end(asked, if exceeded == Exceeded::default() { disclosed } else { Disclosure::Nothing });
            exceeded == Exceeded::default()
        }
    }

    fn reached(bound: BookingBound) -> BoundReached {
        BoundReached::new(bound, RoomAgain::after(REFILL, DateTime::UNIX_EPOCH))
    }

    #[test]
    fn only_what_tells_something_takes_a_token() {
        let mut clock = Clock::with(3);
        assert!((0..100).all(|n| clock.tries(&a_try(n, None), Disclosure::Nothing)));
        let answered = (0..100).filter(|n| clock.tries(&a_try(*n, None), Disclosure::Bookings)).count();
        assert_eq!(answered, 3);
        assert_eq!(clock.begin(&a_try(7, None)).number, Some(reached(BookingBound::Number)));
        let mut unbounded = Clock::with(0);
        assert!((0..100).all(|n| unbounded.tries(&a_try(n, None), Disclosure::Bookings)));
    }

    #[test]
    fn tries_at_the_same_time_are_bounded_but_nobody_is_told_that_the_bound_is_reached() {
        let mut clock = Clock::with(3);
        for n in 0..3 {
            assert_eq!(clock.begin(&a_try(n, None)), Exceeded::default());
        }
        let pending = Some(BoundReached::pending(BookingBound::Number));
        assert_eq!(clock.begin(&a_try(3, None)).number, pending);
        clock.end(&a_try(3, None), Disclosure::Nothing);
        clock.end(&a_try(0, None), Disclosure::Nothing);
        assert_eq!(clock.begin(&a_try(4, None)).number, None);
        for n in [1, 2, 4] {
            clock.end(&a_try(n, None), Disclosure::Bookings);
        }
        assert_eq!(clock.begin(&a_try(5, None)).number, Some(reached(BookingBound::Number)));
    }

    #[test]
    fn equal_requests_at_the_same_time_are_one_try_and_others_with_the_key_are_not() {
        let mut clock = Clock::with(2);
        let same = a_try(1, Some("k"));
        assert!((0..30).all(|_| clock.begin(&same) == Exceeded::default()));
        assert_eq!(clock.begin(&a_try(2, Some("k"))), Exceeded::default());
        assert!(clock.begin(&a_try(3, Some("k"))).number.is_some());
        (0..30).for_each(|_| clock.end(&same, Disclosure::Bookings));
        clock.end(&a_try(2, Some("k")), Disclosure::Nothing);
        clock.end(&a_try(3, Some("k")), Disclosure::Nothing);
        assert!(clock.tries(&a_try(4, None), Disclosure::Bookings));
        assert!(!clock.tries(&a_try(5, None), Disclosure::Bookings));
        assert!(clock.0.open.is_empty());
    }

    #[test]
    fn other_requests_with_a_key_cost_the_key_and_not_its_number() {
        let mut clock = Clock::with(1);
        let answered =
            (0..50).filter(|n| clock.tries(&a_try(*n, Some("k")), Disclosure::OtherRequest)).count();
        assert_eq!(answered, 10);
        assert_eq!(clock.begin(&a_try(200, Some("k"))).key, Some(reached(BookingBound::Key)));
        clock.end(&a_try(200, Some("k")), Disclosure::Nothing);
        assert!(clock.tries(&a_try(201, Some("other")), Disclosure::Bookings));
    }

    #[test]
    fn a_failure_costs_each_birth_date_one_token() {
        let mut clock = Clock::with(2);
        assert!((0..100).all(|_| clock.tries(&a_try(1, None), Disclosure::Failure)));
        assert!(clock.tries(&a_try(2, None), Disclosure::Failure));
        assert!(!clock.tries(&a_try(3, None), Disclosure::Failure));
    }
}
