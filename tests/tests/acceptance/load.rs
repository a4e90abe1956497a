//! A load of bookings by concurrent clients, each of which repeats an unacknowledged request with the same idempotency
//! key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybook_tests::process::Service;
use reqwest::Client;
use tokio::task::JoinSet;

use crate::client::{RESERVATIONS, Response, client, form, send, wait_until, working_day};

/// The largest number of bookings in one load: the working days of a year times ten starts.
const MAX_BOOKINGS: usize = 2400;

/// The starts of the shortest treatment on a working day, as many as its daily limit.
const STARTS: [&str; 10] =
    ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30", "14:00", "14:30", "15:00", "15:30"];

/// Which failures the load tolerates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// The service may be killed: a client stops when it loses its connection, and another client repeats its booking.
    LostConnections,
    /// The service may be paused: responses may be lost or be a 503, and the client tries again.
    Pauses,
    /// Only a 503 is allowed, and the client tries again.
    Unavailable,
}

/// A load of bookings, which may continue across restarts of a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load(Arc<Mutex<Ledger>>);

#[derive(Debug, Default)]
struct Ledger {
    /// Number of bookings that were started.
    begun: usize,
    /// Bookings that were sent but not acknowledged. They are sent again.
    open: Vec<usize>,
    /// Ids by booking number.
    acknowledged: BTreeMap<usize, String>,
    /// Number of requests without a response or with a 503.
    unanswered: usize,
    is_stopped: bool,
    /// The time of the last acknowledged booking, and the longest time between two.
    last: Option<Instant>,
    longest_pause: Duration,
}

impl Load {
    fn with<T>(&self, access: impl FnOnce(&mut Ledger) -> T) -> T {
        access(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ids of all acknowledged bookings.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.with(|ledger| ledger.acknowledged.values().cloned().collect())
    }

    /// Number of requests without a response or with a 503.
    pub(crate) fn unanswered(&self) -> usize {
        self.with(|ledger| ledger.unanswered)
    }

    /// The longest time between two acknowledged bookings.
    pub(crate) fn longest_pause(&self) -> Duration {
        self.with(|ledger| ledger.longest_pause)
    }

    /// Tells the clients to finish the bookings that they started.
    pub(crate) fn stop(&self) {
        self.with(|ledger| ledger.is_stopped = true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.with(|ledger| ledger.is_stopped)
    }

    /// Waits until this many more bookings are acknowledged.
    pub(crate) async fn wait_for_acknowledged(&self, more: usize) {
        let expected = self.acknowledged().len() + more;
        wait_until("bookings to be acknowledged", async || match self.acknowledged().len() {
            count if count >= expected => Ok(()),
            count => Err(format!("{count} of {expected}")),
        })
        .await;
    }

    /// Starts concurrent clients. Joining a client returns its failure.
    pub(crate) fn start(&self, service: &Service, clients: usize, tolerance: Tolerance) -> JoinSet<()> {
        self.start_slowly(service, clients, tolerance, Duration::ZERO)
    }

    /// Like [`Load::start`], with a pause of each client before each booking.
    pub(crate) fn start_slowly(
        &self,
        service: &Service,
        clients: usize,
        tolerance: Tolerance,
        pause: Duration,
    ) -> JoinSet<()> {
        let (client, url) = (client(), service.url(RESERVATIONS));
        let one = |_| self.clone().book_repeatedly(client.clone(), url.clone(), tolerance, pause);
        (0..clients).map(one).collect()
    }

    /// Sends the unacknowledged bookings again.
    pub(crate) async fn finish(&self, service: &Service) {
        let client = client();
        while let Some(number) = self.with(|ledger| ledger.open.pop()) {
            let booked = book(&client, &service.url(RESERVATIONS), number).await.unwrap().ok();
            self.acknowledge(number, &booked);
        }
    }

    async fn book_repeatedly(self, client: Client, url: String, tolerance: Tolerance, pause: Duration) {
        while let Some(number) = self.next() {
            tokio::time::sleep(pause).await;
            match (book(&client, &url, number).await, tolerance) {
                (Ok(booked), _) if booked.status == 200 => self.acknowledge(number, &booked),
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
            assert!(number < MAX_BOOKINGS, "there are no free times left");
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

    fn acknowledge(&self, number: usize, booked: &Response) {
        let earlier = self.with(|ledger| {
            let pause = ledger.last.replace(Instant::now()).map(|last| last.elapsed());
            ledger.longest_pause = ledger.longest_pause.max(pause.unwrap_or_default());
            ledger.acknowledged.insert(number, booked.id().to_owned())
        });
        assert_eq!(earlier, None, "booking {number} was already acknowledged");
    }
}

/// Sends a booking with its own idempotency key. Neighbouring numbers share a day.
async fn book(client: &Client, url: &str, number: usize) -> reqwest::Result<Response> {
    let (day, start) = (working_day(number / STARTS.len()), STARTS[number % STARTS.len()]);
    let form = form(number, "OTHER_CONSULTATION", day, start);
    send(client.post(url).header("Idempotency-Key", format!("load-booking-{number}")).json(&form)).await
}
