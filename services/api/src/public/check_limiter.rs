//! Limits how often reservations may be looked up, so that nobody can guess birth dates by trying.
//!
//! The limits belong to this process and start again with it. A refusal is the same whether the patient is known, and whether
//! the birth date is right.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use daybook_commands::budget::{Budgets, Rate};
use daybook_domain::{PatientFingerprint, SubjectId};

use crate::request::client_network::ClientNetwork;

/// Lookups from one network: 300 a minute. A whole clinic may share an address.
const PER_NETWORK: Rate = Rate { tokens: 300, refill: Duration::from_millis(200) };

/// Lookups of one phone number from one network: 10 a minute.
const PER_NUMBER_AND_NETWORK: Rate = Rate { tokens: 10, refill: Duration::from_secs(6) };

/// Guesses at one phone number, from all networks together: 10, then one a day. That is 375 of more than 36,500 birth dates in
/// the first year.
const GUESSES: Rate = Rate { tokens: 10, refill: Duration::from_secs(24 * 60 * 60) };

/// Most networks, and most phone numbers, that are counted at a time.
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
    /// From all networks.
    guesses: Budgets<SubjectId>,
    /// From each network, those that are refused among them.
    guesses_here: Budgets<(Network, SubjectId)>,
    /// Who found their reservations from here before can look them up while somebody elsewhere guesses. Anybody can book at a
    /// number with a birth date of their own, so this is about one birth date, not about the number.
    proven: HashSet<(Network, PatientFingerprint)>,
}

/// A lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) network: Network,
    /// The phone number.
    pub(crate) subject: SubjectId,
    /// The phone number and the birth date.
    pub(crate) patient: PatientFingerprint,
}

/// A lookup that may go ahead. It counts as a guess unless it finds something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    lookup: Lookup,
    is_proven: bool,
}

impl Default for CheckLimiter {
    fn default() -> Self {
        Self(Mutex::new(Counts {
            networks: Budgets::new(PER_NETWORK, MAX_KEYS),
            pairs: Budgets::new(PER_NUMBER_AND_NETWORK, MAX_KEYS),
            guesses: Budgets::new(GUESSES, MAX_KEYS),
            guesses_here: Budgets::new(GUESSES, MAX_KEYS),
            proven: HashSet::new(),
        }))
    }
}

impl CheckLimiter {
    /// Counts one lookup before it is made: many at once are bounded too. If there were too many, returns how long to wait.
    ///
    /// Which wait comes first matters: as long as all guesses are refused, neither the answer nor the wait may tell a proven
    /// birth date from another one.
    pub(crate) fn admit(&self, lookup: Lookup, now: Instant) -> Result<Admitted, Duration> {
        let mut counts = self.counts();
        let Lookup { network, subject, patient } = lookup;
        let pair = (network, subject);
        let frequent = counts.networks.wait(&network, now).max(counts.pairs.wait(&pair, now));
        if let Some(wait) = frequent.or_else(|| counts.guesses_here.wait(&pair, now)) {
            return Err(wait);
        }
        let is_proven = counts.proven.contains(&(network, patient));
        if !is_proven {
            counts.guesses_here.spend(pair, now);
            if let Some(wait) = counts.guesses.wait(&subject, now) {
                return Err(wait);
            }
            counts.guesses.spend(subject, now);
        }
        counts.networks.spend(network, now);
        counts.pairs.spend(pair, now);
        Ok(Admitted { lookup, is_proven })
    }

    /// The lookup found reservations, so it was no guess.
    pub(crate) fn found(&self, admitted: Admitted, now: Instant) {
        let mut counts = self.counts();
        let Lookup { network, subject, patient } = admitted.lookup;
        if admitted.is_proven {
            return;
        }
        counts.guesses.refund(subject, now);
        counts.guesses_here.refund((network, subject), now);
        if counts.proven.len() >= MAX_PROVEN {
            counts.proven.clear();
        }
        counts.proven.insert((network, patient));
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

    /// A lookup of one number from one network, with one birth date.
    fn lookup(network_number: u32, number: u32, birth_date: u32) -> Lookup {
        let bytes = |of: [u32; 2]| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&of[0].to_be_bytes());
            bytes[4..8].copy_from_slice(&of[1].to_be_bytes());
            bytes
        };
        Lookup {
            network: network(network_number),
            subject: SubjectId::from_bytes(bytes([number, 0])),
            patient: PatientFingerprint::from_bytes(bytes([number, birth_date])),
        }
    }

    /// Looks up a patient who has reservations.
    fn find(limiter: &CheckLimiter, lookup: Lookup, at: Instant) -> Result<(), Duration> {
        limiter.admit(lookup, at).map(|admitted| limiter.found(admitted, at))
    }

    /// How many of these lookups, which find nothing, are answered.
    fn answered(limiter: &CheckLimiter, lookups: impl Iterator<Item = Lookup>, at: Instant) -> usize {
        lookups.filter(|lookup| limiter.admit(*lookup, at).is_ok()).count()
    }

    #[test]
    fn the_eleventh_lookup_in_a_minute_is_refused_even_if_all_found_something() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        for _ in 0..10 {
            find(&limiter, lookup(1, 1, 1), start).unwrap();
        }
        assert_eq!(find(&limiter, lookup(1, 1, 1), start), Err(Duration::from_secs(6)));
        find(&limiter, lookup(1, 1, 1), start + Duration::from_secs(6)).unwrap();
        limiter.admit(lookup(1, 2, 1), start).unwrap();
    }

    #[test]
    fn lookups_of_many_patients_from_one_network_are_limited() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        assert_eq!(answered(&limiter, (0..305).map(|n| lookup(1, n, 1)), start), 300);
        limiter.admit(lookup(2, 1, 1), start).unwrap();
    }

    #[test]
    fn two_hundred_networks_cannot_guess_a_birth_date_in_a_year() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        let mut guesses = 0;
        for hour in 0..365 * 24 {
            guesses += answered(&limiter, (0..200).map(|n| lookup(n, 1, hour)), start + DAY * hour / 24);
        }
        assert!((300..=375).contains(&guesses), "{guesses}");
    }

    /// A stranger books at somebody's number with a birth date of their own, and looks that up from everywhere.
    #[test]
    fn finding_an_own_birth_date_at_a_number_gives_no_guess_at_another_one() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        for network in 0..200 {
            find(&limiter, lookup(network, 1, 2001), start).unwrap();
        }
        let guesses = (0..9 * 200).map(|guess| lookup(guess % 200, 1, 3000 + guess));
        assert_eq!(answered(&limiter, guesses, start), 10);
    }

    #[test]
    fn guesses_at_one_patient_refuse_neither_others_nor_whoever_found_them_from_there_before() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        find(&limiter, lookup(1, 1, 1), start).unwrap();
        assert_eq!(answered(&limiter, (0..200).map(|n| lookup(2 + n % 20, 1, 2 + n)), start), 10);
        assert_eq!(limiter.admit(lookup(30, 1, 1), start), Err(DAY));
        find(&limiter, lookup(1, 1, 1), start).unwrap();
        limiter.admit(lookup(2, 2, 1), start).unwrap();
    }

    #[test]
    fn however_many_guesses_are_refused_the_next_one_is_a_day_away() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        find(&limiter, lookup(1, 1, 1), start).unwrap();
        answered(&limiter, (0..5_000).map(|n| lookup(n % 40, 1, 2 + n)), start);
        assert_eq!(limiter.admit(lookup(99, 1, 1), start), Err(DAY));
        limiter.admit(lookup(99, 1, 1), start + DAY).unwrap();
    }

    /// A carrier or an office is one network for many people.
    #[test]
    fn refused_guesses_do_not_tell_a_neighbour_which_birth_date_was_found_from_their_network() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        find(&limiter, lookup(1, 1, 50), start).unwrap();
        assert_eq!(answered(&limiter, (100..200).map(|n| lookup(2 + n % 20, 1, n)), start), 10);
        let from_the_network: Vec<_> =
            (0..100).map(|n| limiter.admit(lookup(1, 1, n), start).map(drop)).collect();
        assert_eq!(from_the_network[50], from_the_network[51]);
        assert!(from_the_network.iter().all(Result::is_err));
    }

    #[test]
    fn a_flood_of_patients_and_networks_refuses_nobody_else() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        for n in 0..250_000 {
            limiter.admit(lookup(n, n, 1), start).unwrap();
        }
        limiter.admit(lookup(900_000, 900_000, 1), start).unwrap();
    }
}
