//! Limits how often a client may look up reservations, so that nobody can guess birth dates by trying.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybook_domain::SubjectId;

/// Lookups per window for one patient from one address.
const MAX_PER_SUBJECT: u32 = 10;

/// Lookups per window from one address. A whole clinic may share an address.
const MAX_PER_PEER: u32 = 300;

/// Length of a window.
const WINDOW: Duration = Duration::from_secs(60);

/// Most windows in memory.
const MAX_WINDOWS: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Peer(Option<IpAddr>),
    Subject(Option<IpAddr>, SubjectId),
}

#[derive(Debug)]
struct Window {
    start: Instant,
    count: u32,
}

/// Counts lookups in fixed windows.
#[derive(Debug, Default)]
pub(crate) struct CheckLimiter(Mutex<HashMap<Key, Window>>);

impl CheckLimiter {
    /// Counts one lookup. If there were too many, returns how long to wait.
    pub(crate) fn check(
        &self,
        peer: Option<IpAddr>,
        subject: SubjectId,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() + 2 > MAX_WINDOWS {
            windows.retain(|_, window| now.duration_since(window.start) < WINDOW);
        }
        if windows.len() + 2 > MAX_WINDOWS {
            // So many clients at once are an attack. Lookups resume when windows expire.
            return Err(WINDOW);
        }
        for (key, max) in [(Key::Peer(peer), MAX_PER_PEER), (Key::Subject(peer, subject), MAX_PER_SUBJECT)] {
            let window = windows.entry(key).or_insert(Window { start: now, count: 0 });
            if now.duration_since(window.start) >= WINDOW {
                *window = Window { start: now, count: 0 };
            }
            if window.count >= max {
                return Err(WINDOW.saturating_sub(now.duration_since(window.start)));
            }
            window.count += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_lookup_in_a_minute_is_refused() {
        let (limiter, subject, start) =
            (CheckLimiter::default(), SubjectId::from_bytes([1; 16]), Instant::now());
        for _ in 0..MAX_PER_SUBJECT {
            assert_eq!(limiter.check(None, subject, start), Ok(()));
        }
        assert_eq!(limiter.check(None, subject, start), Err(WINDOW));
        assert_eq!(limiter.check(None, SubjectId::from_bytes([2; 16]), start), Ok(()));
        assert_eq!(limiter.check(None, subject, start + WINDOW), Ok(()));
    }

    #[test]
    fn lookups_of_many_patients_from_one_address_are_limited() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        let check = |n: u32| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            limiter.check(None, SubjectId::from_bytes(bytes), start)
        };
        assert_eq!((0..MAX_PER_PEER + 5).filter(|n| check(*n).is_err()).count(), 5);
    }
}
