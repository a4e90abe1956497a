//! Limits how often reservations may be looked up, so that nobody can guess birth dates by trying.
//!
//! The limits belong to this process and start again with it. A refusal is the same whether the patient is known, and whether
//! the birth date is right.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use daybook_commands::budget::{Budgets, Rate};
use daybook_domain::SubjectId;

use crate::request::client_network::ClientNetwork;

/// Lookups from one network: 300 a minute. A whole clinic may share an address.
const PER_NETWORK: Rate = Rate { tokens: 300, refill: Duration::from_millis(200) };

/// Lookups of one patient from one network: 10 a minute.
const PER_PATIENT_AND_NETWORK: Rate = Rate { tokens: 10, refill: Duration::from_secs(6) };

/// Lookups of one patient that found nothing, from all networks together: 10, then one a day. That is 375 of more than 36,500
/// birth dates in the first year.
const GUESSES_PER_PATIENT: Rate = Rate { tokens: 10, refill: Duration::from_secs(24 * 60 * 60) };

/// Most networks, and most patients, that are counted at a time.
const MAX_KEYS: usize = 100_000;

/// Most pairs of a patient and a network that are remembered for a lookup that found reservations.
const MAX_PROVEN: usize = 100_000;

type Network = Option<ClientNetwork>;

/// Counts lookups.
#[derive(Debug)]
pub(crate) struct CheckLimiter(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    networks: Budgets<Network>,
    pairs: Budgets<(Network, SubjectId)>,
    guesses: Budgets<SubjectId>,
    /// Who found their reservations from here before can look them up while somebody elsewhere guesses.
    proven: HashSet<(Network, SubjectId)>,
}

/// A lookup that may go ahead. It counts as a wrong guess unless it found something.
#[derive(Debug)]
pub(crate) struct Admitted {
    network: Network,
    subject: SubjectId,
}

impl Default for CheckLimiter {
    fn default() -> Self {
        Self(Mutex::new(Counts {
            networks: Budgets::new(PER_NETWORK, MAX_KEYS),
            pairs: Budgets::new(PER_PATIENT_AND_NETWORK, MAX_KEYS),
            guesses: Budgets::new(GUESSES_PER_PATIENT, MAX_KEYS),
            proven: HashSet::new(),
        }))
    }
}

impl CheckLimiter {
    /// Counts one lookup as a wrong guess, before it is made: many at once are bounded too. If there were too many, returns how
    /// long to wait.
    pub(crate) fn admit(
        &self,
        network: Network,
        subject: SubjectId,
        now: Instant,
    ) -> Result<Admitted, Duration> {
        let mut counts = self.counts();
        let pair = (network, subject);
        let guesses = if counts.proven.contains(&pair) { None } else { counts.guesses.wait(&subject, now) };
        let waits = [counts.networks.wait(&network, now), counts.pairs.wait(&pair, now), guesses];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        counts.networks.spend(network, now);
        counts.pairs.spend(pair, now);
        counts.guesses.spend(subject, now);
        Ok(Admitted { network, subject })
    }

    /// The lookup found reservations, so it was no guess.
    pub(crate) fn found(&self, admitted: Admitted, now: Instant) {
        let mut counts = self.counts();
        counts.guesses.refund(admitted.subject, now);
        if counts.proven.len() >= MAX_PROVEN {
            counts.proven.clear();
        }
        counts.proven.insert((admitted.network, admitted.subject));
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn network(number: u32) -> Network {
        Some(ClientNetwork::from(IpAddr::from(Ipv4Addr::from(0x0a00_0000 + number))))
    }

    fn patient(number: u32) -> SubjectId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        SubjectId::from_bytes(bytes)
    }

    #[test]
    fn the_eleventh_lookup_in_a_minute_is_refused_even_if_all_found_something() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        let look_up =
            |at| limiter.admit(network(1), patient(1), at).map(|admitted| limiter.found(admitted, at));
        for _ in 0..10 {
            look_up(start).unwrap();
        }
        assert_eq!(look_up(start), Err(Duration::from_secs(6)));
        look_up(start + Duration::from_secs(6)).unwrap();
        limiter.admit(network(1), patient(2), start).unwrap();
    }

    #[test]
    fn lookups_of_many_patients_from_one_network_are_limited() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        let refused = (0..305).filter(|n| limiter.admit(network(1), patient(*n), start).is_err());
        assert_eq!(refused.count(), 5);
        limiter.admit(network(2), patient(1), start).unwrap();
    }

    #[test]
    fn two_hundred_networks_cannot_guess_a_birth_date_in_a_year() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        let mut guesses = 0;
        for hour in 0..365 * 24 {
            let now = start + DAY * hour / 24;
            guesses += (0..200).filter(|n| limiter.admit(network(*n), patient(1), now).is_ok()).count();
        }
        assert!((300..=375).contains(&guesses), "{guesses}");
    }

    #[test]
    fn guesses_at_one_patient_refuse_neither_others_nor_whoever_found_them_from_there_before() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        let home = limiter.admit(network(1), patient(1), start).unwrap();
        limiter.found(home, start);
        while limiter.admit(network(2), patient(1), start).is_ok() {}
        assert!(limiter.admit(network(3), patient(1), start).is_err());
        limiter.admit(network(1), patient(1), start).unwrap();
        limiter.admit(network(2), patient(2), start).unwrap();
    }

    #[test]
    fn a_flood_of_patients_and_networks_refuses_nobody_else() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        for n in 0..250_000 {
            limiter.admit(network(n), patient(n), start).unwrap();
        }
        limiter.admit(network(900_000), patient(900_000), start).unwrap();
    }
}
