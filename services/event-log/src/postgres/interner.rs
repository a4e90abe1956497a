//! Interns the short texts that rows repeat: names of streams and event types. A replay would otherwise
//! allocate two of them for each event.

use std::collections::HashMap;
use std::sync::Arc;

use crate::port::{InvalidStreamName, StreamName};

/// Upper bound for each kind of name. At the bound the cache is cleared.
const MAX_NAMES: usize = 4096;

type Interned<T> = HashMap<Box<str>, T, foldhash::fast::RandomState>;

/// The names that one replay has seen.
#[derive(Debug, Default)]
pub(super) struct NameInterner {
    streams: Interned<StreamName>,
    event_types: Interned<Arc<str>>,
}

impl NameInterner {
    pub(super) fn stream(&mut self, name: &str) -> Result<StreamName, InvalidStreamName> {
        shared(&mut self.streams, name, |name| StreamName::parse(name))
    }

    pub(super) fn event_type(&mut self, name: &str) -> Arc<str> {
        let Ok(event_type) =
            shared(&mut self.event_types, name, |name| Ok::<_, std::convert::Infallible>(name.into()));
        event_type
    }
}

fn shared<T: Clone, E>(
    known: &mut Interned<T>,
    name: &str,
    make: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, E> {
    if let Some(made) = known.get(name) {
        return Ok(made.clone());
    }
    if known.len() >= MAX_NAMES {
        known.clear();
    }
    let made = make(name)?;
    known.insert(name.into(), made.clone());
    Ok(made)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_valid_name_is_made_once_and_an_invalid_one_is_refused_each_time() {
        let mut names = NameInterner::default();
        let (one, other) = (names.stream("hours-main").unwrap(), names.stream("hours-main").unwrap());
        assert_eq!(one, other);
        assert!(std::ptr::eq(one.as_str(), other.as_str()));
        assert!(Arc::ptr_eq(&names.event_type("ClinicHoursSet"), &names.event_type("ClinicHoursSet")));
        for _ in 0..2 {
            assert_eq!(names.stream("nothing"), Err(InvalidStreamName));
        }
    }

    #[test]
    fn the_cache_stays_within_its_bound() {
        let mut names = NameInterner::default();
        for number in 0..=MAX_NAMES {
            names.event_type(&number.to_string());
        }
        assert!(names.event_types.len() <= MAX_NAMES);
        assert_eq!(&*names.event_type("0"), "0");
    }
}
