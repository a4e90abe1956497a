//! A bound on how often somebody may look for reservations: looking is how one would guess at birth dates.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybook_domain::SubjectId;

/// Looks at one patient's reservations from one address in a window.
const MAX_PER_SUBJECT: u32 = 10;

/// Looks from one address in a window. A whole clinic may stand behind one address.
const MAX_PER_PEER: u32 = 300;

/// How long a window lasts.
const WINDOW: Duration = Duration::from_secs(60);

/// Windows that are kept, at most.
const MAX_WINDOWS: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    Peer(Option<IpAddr>),
    Subject(Option<IpAddr>, SubjectId),
}

#[derive(Debug)]
struct Window {
    since: Instant,
    count: u32,
}

/// Counts looks at reservations.
#[derive(Debug, Default)]
pub(crate) struct CheckLimiter(Mutex<HashMap<Counted, Window>>);

impl CheckLimiter {
    /// Counts one look. Where there were too many, how long to wait.
    pub(crate) fn enter(
        &self,
        peer: Option<IpAddr>,
        subject: SubjectId,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() + 2 > MAX_WINDOWS {
            windows.retain(|_, window| now.duration_since(window.since) < WINDOW);
        }
        if windows.len() + 2 > MAX_WINDOWS {
            // So many at once is an attack or a miracle; either can wait for the windows to end.
            return Err(WINDOW);
        }
        for (counted, most) in
            [(Counted::Peer(peer), MAX_PER_PEER), (Counted::Subject(peer, subject), MAX_PER_SUBJECT)]
        {
            let window = windows.entry(counted).or_insert(Window { since: now, count: 0 });
            if now.duration_since(window.since) >= WINDOW {
                *window = Window { since: now, count: 0 };
            }
            if window.count >= most {
                return Err(WINDOW.saturating_sub(now.duration_since(window.since)));
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
    fn the_eleventh_look_in_a_minute_waits_for_the_next() {
        let (limiter, subject, start) =
            (CheckLimiter::default(), SubjectId::from_bytes([1; 16]), Instant::now());
        for _ in 0..MAX_PER_SUBJECT {
            assert_eq!(limiter.enter(None, subject, start), Ok(()));
        }
        assert_eq!(limiter.enter(None, subject, start), Err(WINDOW));
        assert_eq!(limiter.enter(None, SubjectId::from_bytes([2; 16]), start), Ok(()));
        assert_eq!(limiter.enter(None, subject, start + WINDOW), Ok(()));
    }

    #[test]
    fn going_through_many_patients_ends_too() {
        let (limiter, start) = (CheckLimiter::default(), Instant::now());
        let look = |n: u32| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            limiter.enter(None, SubjectId::from_bytes(bytes), start)
        };
        assert_eq!((0..MAX_PER_PEER + 5).filter(|n| look(*n).is_err()).count(), 5);
    }
}
