//! A load of bookings by several clients at once, each repeating under the same key what was not acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybook_tests::process::Service;
use reqwest::Client;
use tokio::task::JoinSet;

use crate::asking::{Answer, RESERVATIONS, ask, client, form, until, working_day};

/// The most bookings of one load: so many working days lie within a year, ten times a day.
const MAX_BOOKINGS: usize = 2400;

/// Starts that the shortest treatment may have on a working day, as many as a day may hold of it.
const STARTS: [&str; 10] =
    ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "14:00", "14:30", "15:00", "15:30"];

/// What the load does where an answer is no 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// The service may be killed: a client that loses its connection stops, and its booking waits for the next one.
    LostConnections,
    /// The service may be stopped and woken: either may happen, and the client asks again.
    Pauses,
    /// The service may say that it cannot at the moment (503), and nothing else: the client asks again.
    Unavailable,
}

/// A load of bookings, which may go on over several lives of a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load(Arc<Mutex<Ledger>>);

#[derive(Debug, Default)]
struct Ledger {
    /// Bookings that were begun.
    begun: usize,
    /// Bookings that were sent and not acknowledged, to be sent again.
    open: Vec<usize>,
    /// Ids by the number of the booking.
    acknowledged: BTreeMap<usize, String>,
    /// How often a request went unanswered, or was answered by a 503.
    unanswered: usize,
    is_stopped: bool,
    /// When a booking was acknowledged last, and the longest time between two.
    last: Option<Instant>,
    longest_pause: Duration,
}

impl Load {
    fn with<T>(&self, look: impl FnOnce(&mut Ledger) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ids of all bookings that were acknowledged.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.with(|ledger| ledger.acknowledged.values().cloned().collect())
    }

    /// How often a request went unanswered.
    pub(crate) fn unanswered(&self) -> usize {
        self.with(|ledger| ledger.unanswered)
    }

    /// The longest time in which no booking was acknowledged, from the first one on.
    pub(crate) fn longest_pause(&self) -> Duration {
        self.with(|ledger| ledger.longest_pause)
    }

    /// Tells the clients to finish what they began.
    pub(crate) fn stop(&self) {
        self.with(|ledger| ledger.is_stopped = true);
    }

    /// Whether they were told so.
    pub(crate) fn is_stopped(&self) -> bool {
        self.with(|ledger| ledger.is_stopped)
    }

    /// Waits until so many more bookings are acknowledged.
    pub(crate) async fn acknowledges(&self, more: usize) {
        let wanted = self.acknowledged().len() + more;
        until("bookings to be acknowledged", async || match self.acknowledged().len() {
            count if count >= wanted => Ok(()),
            count => Err(format!("{count} of {wanted}")),
        })
        .await;
    }

    /// Clients that book at once. A failure of one is found when it is joined.
    pub(crate) fn start(&self, service: &Service, clients: usize, tolerance: Tolerance) -> JoinSet<()> {
        self.start_slowly(service, clients, tolerance, Duration::ZERO)
    }

    /// The same with a pause of each client before each booking.
    pub(crate) fn start_slowly(
        &self,
        service: &Service,
        clients: usize,
        tolerance: Tolerance,
        pause: Duration,
    ) -> JoinSet<()> {
        let (client, url) = (client(), service.url(RESERVATIONS));
        let one = |_| self.clone().book_on(client.clone(), url.clone(), tolerance, pause);
        (0..clients).map(one).collect()
    }

    /// Sends again what was never acknowledged.
    pub(crate) async fn finish(&self, service: &Service) {
        let client = client();
        while let Some(number) = self.with(|ledger| ledger.open.pop()) {
            let booked = book(&client, &service.url(RESERVATIONS), number).await.unwrap().ok();
            self.take_in(number, &booked);
        }
    }

    async fn book_on(self, client: Client, url: String, tolerance: Tolerance, pause: Duration) {
        while let Some(number) = self.next() {
            tokio::time::sleep(pause).await;
            match (book(&client, &url, number).await, tolerance) {
                (Ok(booked), _) if booked.status == 200 => self.take_in(number, &booked),
                (Ok(refused), Tolerance::Unavailable | Tolerance::Pauses) if refused.status == 503 => {
                    self.put_back(number);
                }
                (Err(_lost), Tolerance::Pauses) => self.put_back(number),
                (Err(_lost), Tolerance::LostConnections) => return self.put_back(number),
                (other, _) => panic!("booking {number}: {other:?}"),
            }
        }
    }

    fn next(&self) -> Option<usize> {
        self.with(|ledger| {
            if let Some(open) = ledger.open.pop() {
                return Some(open);
            }
            let number = ledger.begun;
            assert!(number < MAX_BOOKINGS, "the year is booked out");
            ledger.begun += usize::from(!ledger.is_stopped);
            (!ledger.is_stopped).then_some(number)
        })
    }

    fn put_back(&self, number: usize) {
        self.with(|ledger| {
            ledger.open.push(number);
            ledger.unanswered += 1;
        });
    }

    fn take_in(&self, number: usize, booked: &Answer) {
        let earlier = self.with(|ledger| {
            let pause = ledger.last.replace(Instant::now()).map(|last| last.elapsed());
            ledger.longest_pause = ledger.longest_pause.max(pause.unwrap_or_default());
            ledger.acknowledged.insert(number, booked.id().to_owned())
        });
        assert_eq!(earlier, None, "booking {number} was acknowledged before");
    }
}

/// Sends a booking under a key of its own. Neighbouring numbers share a day.
async fn book(client: &Client, url: &str, number: usize) -> reqwest::Result<Answer> {
    let (day, start) = (working_day(number / STARTS.len()), STARTS[number % STARTS.len()]);
    let form = form(number, "OTHER_CONSULTATION", day, start);
    ask(client.post(url).header("Idempotency-Key", format!("load-booking-{number}")).json(&form)).await
}
