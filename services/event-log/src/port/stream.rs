//! Stream names and their categories.

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A category of streams: the part of a name before its first `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Day schedules, one stream for each clinic day.
    Daybook,
    Catalog,
    /// The clinic's weekly hours.
    Hours,
    /// The rollout, and which read model answers each patient.
    Routing,
    /// Patients who asked to be forgotten.
    Privacy,
    /// Idempotency keys, one stream for each.
    Idempotency,
    /// Revoked tokens of staff.
    Access,
}

impl Category {
    /// Every category, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::Daybook,
        Self::Catalog,
        Self::Hours,
        Self::Routing,
        Self::Privacy,
        Self::Idempotency,
        Self::Access,
    ];

    /// The text before the `-`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daybook => "daybook",
            Self::Catalog => "catalog",
            Self::Hours => "hours",
            Self::Routing => "routing",
            Self::Privacy => "privacy",
            Self::Idempotency => "idempotency",
            Self::Access => "access",
        }
    }

    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The text is not a stream name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream name has a category and a name, such as daybook-2026-12-01 or catalog-main")]
pub struct InvalidStreamName;

/// Name of a stream, such as `daybook-2026-12-01`. Clones share its text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Box<str>", into = "Box<str>")]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// In bytes.
    pub const MAX_LENGTH: usize = 64;

    /// The schedule of a clinic day.
    pub fn page(date: NaiveDate) -> Self {
        Self(format!("{}-{}", Category::Daybook.as_str(), date.format("%Y-%m-%d")).into())
    }

    /// The catalog of services.
    pub fn catalog() -> Self {
        Self("catalog-main".into())
    }

    /// The clinic's weekly hours.
    pub fn hours() -> Self {
        Self("hours-main".into())
    }

    /// The rollout, and which read model answers each patient.
    pub fn routing() -> Self {
        Self("routing-main".into())
    }

    /// Patients who asked to be forgotten.
    pub fn privacy() -> Self {
        Self("privacy-main".into())
    }

    /// Revoked tokens of staff.
    pub fn access() -> Self {
        Self("access-main".into())
    }

    /// An idempotency key, by a keyed hash of it.
    pub fn idempotency(key: &[u8; 16]) -> Self {
        Self(format!("{}-{:032x}", Category::Idempotency.as_str(), u128::from_be_bytes(*key)).into())
    }

    /// Parses `category-name` with a known category: at most 64 of `a-z`, `A-Z`, `0-9`, `-`, `_`, `.`.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, InvalidStreamName> {
        let text = text.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let sound =
            text.len() <= Self::MAX_LENGTH && text.bytes().all(plain) && find_category(&text).is_some();
        if sound { Ok(Self(text)) } else { Err(InvalidStreamName) }
    }

    /// Name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part of the name before its first `-`.
    #[expect(clippy::expect_used, reason = "no name is made without a known category")]
    pub fn category(&self) -> Category {
        find_category(&self.0).expect("a name has a known category")
    }

    /// The clinic day of a day schedule, `None` for other streams.
    pub fn page_date(&self) -> Option<NaiveDate> {
        let (prefix, name) = self.0.split_once('-')?;
        let date = name.parse().ok()?;
        (prefix == Category::Daybook.as_str() && Self::page(date) == *self).then_some(date)
    }
}

fn find_category(text: &str) -> Option<Category> {
    let (prefix, name) = text.split_once('-')?;
    Category::ALL.into_iter().find(|category| category.as_str() == prefix && !name.is_empty())
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<Box<str>> for StreamName {
    type Error = InvalidStreamName;

    fn try_from(text: Box<str>) -> Result<Self, InvalidStreamName> {
        Self::parse(text)
    }
}

impl From<StreamName> for Box<str> {
    fn from(name: StreamName) -> Self {
        name.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_day_schedule_is_named_by_its_date() {
        let date = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap();
        let page = StreamName::page(date);
        assert_eq!(page.as_str(), "daybook-2026-12-01");
        assert_eq!((page.category(), page.page_date()), (Category::Daybook, Some(date)));
        assert_eq!(StreamName::parse(page.as_str()), Ok(page));
        assert_eq!(StreamName::hours().page_date(), None);
        assert_eq!(StreamName::parse("daybook-2026-1-1").unwrap().page_date(), None);
    }

    #[test]
    fn texts_that_are_not_stream_names_are_refused() {
        for text in ["", "daybook", "daybook-", "-main", "other-main", "hours-a b", "$hours-main"] {
            assert_eq!(StreamName::parse(text), Err(InvalidStreamName), "{text:?}");
        }
        assert!(StreamName::parse(format!("hours-{}", "x".repeat(StreamName::MAX_LENGTH))).is_err());
    }
}
