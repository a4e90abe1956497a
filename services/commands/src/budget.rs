//! Token buckets: how often something may happen for each key. The memory they take has a bound.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How many tokens a key has, and how fast it gets them back.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Most tokens, which a new key has.
    pub tokens: u32,
    /// Time until one spent token is back.
    pub refill: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Spent {
    tokens: f64,
    at: Instant,
}

/// A token bucket for each key.
#[derive(Debug)]
pub struct Budgets<K> {
    rate: Rate,
    max_keys: usize,
    spent: HashMap<K, Spent>,
}

impl<K: Eq + Hash> Budgets<K> {
    /// Every key has all its tokens. `max_keys` is the number of keys that are counted at a time.
    pub fn new(rate: Rate, max_keys: usize) -> Self {
        Self { rate, max_keys, spent: HashMap::new() }
    }

    /// How long this key has to wait for a token, which is at most one refill; none if it has one.
    pub fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let missing = self.spent(key, now) + 1.0 - f64::from(self.rate.tokens);
        (missing > 0.0).then(|| self.rate.refill.mul_f64(missing))
    }

    /// How long it takes until this key has all its tokens back.
    pub fn until_full(&self, key: &K, now: Instant) -> Duration {
        self.rate.refill.mul_f64(self.spent(key, now))
    }

    /// Whether this key would have a token if so many others, which may be spent yet, were spent already.
    pub fn has_beside(&self, key: &K, others: u32, now: Instant) -> bool {
        self.spent(key, now) + f64::from(others) + 1.0 <= f64::from(self.rate.tokens)
    }

    /// Spends a token. A key that has none does not get into debt, or somebody could make it wait without end.
    pub fn spend(&mut self, key: K, now: Instant) {
        self.add(key, 1.0, now);
    }

    /// Gives a token back.
    pub fn refund(&mut self, key: K, now: Instant) {
        self.add(key, -1.0, now);
    }

    fn spent(&self, key: &K, now: Instant) -> f64 {
        self.spent.get(key).map_or(0.0, |spent| self.rate.left(*spent, now))
    }

    fn add(&mut self, key: K, tokens: f64, now: Instant) {
        if !self.spent.contains_key(&key) {
            self.make_room(now);
        }
        let (rate, most) = (self.rate, f64::from(self.rate.tokens));
        let spent = self.spent.entry(key).or_insert(Spent { tokens: 0.0, at: now });
        *spent = Spent { tokens: (rate.left(*spent, now) + tokens).clamp(0.0, most), at: now };
    }

    /// Forgets keys that have all their tokens, and if too many are left, those that spent the fewest: a flood of new keys
    /// refuses nobody, and does not make a key forgotten that spent more.
    fn make_room(&mut self, now: Instant) {
        if self.spent.len() < self.max_keys {
            return;
        }
        let rate = self.rate;
        self.spent.retain(|_, spent| rate.left(*spent, now) > 0.0);
        if self.spent.len() < self.max_keys {
            return;
        }
        let mut left: Vec<f64> = self.spent.values().map(|spent| rate.left(*spent, now)).collect();
        let half = left.len() / 2;
        let (_, median, _) = left.select_nth_unstable_by(half, f64::total_cmp);
        let (median, mut excess) = (*median, half);
        self.spent.retain(|_, spent| {
            let forget = excess > 0 && rate.left(*spent, now) <= median;
            excess -= usize::from(forget);
            !forget
        });
    }
}

impl Rate {
    /// The tokens that are still spent.
    fn left(self, spent: Spent, now: Instant) -> f64 {
        let back = now.saturating_duration_since(spent.at).as_secs_f64() / self.refill.as_secs_f64();
        (spent.tokens - back).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { tokens: 3, refill: Duration::from_secs(10) };

    fn spend(budgets: &mut Budgets<u32>, key: u32, now: Instant) -> Result<(), Duration> {
        budgets.wait(&key, now).map_or(Ok(()), Err)?;
        budgets.spend(key, now);
        Ok(())
    }

    #[test]
    fn a_key_waits_until_a_token_is_back() {
        let (mut budgets, start) = (Budgets::new(RATE, 10), Instant::now());
        for _ in 0..3 {
            assert_eq!(spend(&mut budgets, 1, start), Ok(()));
        }
        assert_eq!(spend(&mut budgets, 1, start), Err(Duration::from_secs(10)));
        assert_eq!(spend(&mut budgets, 1, start + Duration::from_secs(4)), Err(Duration::from_secs(6)));
        assert_eq!(spend(&mut budgets, 2, start), Ok(()));
        let later = start + Duration::from_secs(10);
        assert_eq!(spend(&mut budgets, 1, later), Ok(()));
        assert!(spend(&mut budgets, 1, later).is_err());
        budgets.refund(1, later);
        assert_eq!(spend(&mut budgets, 1, later), Ok(()));
    }

    #[test]
    fn what_is_spent_beyond_the_last_token_makes_nobody_wait_longer() {
        let (mut budgets, start) = (Budgets::new(RATE, 10), Instant::now());
        for _ in 0..1_000 {
            budgets.spend(1, start);
        }
        assert_eq!(budgets.wait(&1, start), Some(RATE.refill));
        assert_eq!(budgets.wait(&1, start + RATE.refill), None);
        let full = start + RATE.refill * RATE.tokens;
        assert!(budgets.has_beside(&1, 2, full) && !budgets.has_beside(&1, 3, full));
    }

    #[test]
    fn a_flood_of_keys_refuses_nobody_and_does_not_free_the_key_that_spent_most() {
        let (mut budgets, start) = (Budgets::new(RATE, 100), Instant::now());
        for _ in 0..3 {
            assert_eq!(spend(&mut budgets, 0, start), Ok(()));
        }
        for key in 1..10_000 {
            assert_eq!(spend(&mut budgets, key, start), Ok(()), "{key}");
        }
        assert!(budgets.spent.len() <= 100);
        assert!(spend(&mut budgets, 0, start).is_err());
        // Keys that have all their tokens are forgotten first.
        let later = start + Duration::from_secs(31);
        assert_eq!(spend(&mut budgets, 20_000, later), Ok(()));
        for key in 30_000..30_100 {
            assert_eq!(spend(&mut budgets, key, later), Ok(()));
        }
        assert!(budgets.spent.keys().all(|key| *key >= 20_000));
    }
}
