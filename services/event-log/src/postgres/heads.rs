//! The head of the log, and of each category of streams.
//!
//! A commit announces both, so that bookings rarely wake a follower of other streams. An announcement is only
//! a hint: followers find events without one by polling.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::port::{Category, Filter, InvalidPosition, Position};

/// Text of a notification: the new head and the categories that were appended to, such as `1234 daybook
/// privacy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) head: Position,
    pub(super) categories: BTreeSet<Category>,
}

impl Announcement {
    /// A head up to which any category may have been appended to.
    pub(super) fn all_categories(head: Position) -> Self {
        Self { head, categories: Category::ALL.into() }
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.head)?;
        self.categories.iter().try_for_each(|category| write!(formatter, " {}", category.as_str()))
    }
}

impl FromStr for Announcement {
    type Err = InvalidPosition;

    /// Older releases announced the head alone. Newer ones may announce categories that this one does not
    /// know.
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (head, categories) = match text.split_once(' ') {
            Some((head, categories)) => (head, categories),
            None => return text.parse().map(Self::all_categories),
        };
        let known = |name| Category::ALL.into_iter().find(|category| category.as_str() == name);
        Ok(Self { head: head.parse()?, categories: categories.split(' ').filter_map(known).collect() })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heads {
    all: Position,
    categories: [Position; Category::ALL.len()],
}

impl Heads {
    /// A log with this head, and possibly events of every category.
    pub(super) const fn at(head: Position) -> Self {
        Self { all: head, categories: [head; Category::ALL.len()] }
    }

    /// Head of the whole log.
    pub(super) const fn all(&self) -> Position {
        self.all
    }

    /// Position up to which there can be events that match a filter.
    pub(super) fn matching(&self, filter: &Filter) -> Position {
        if filter.selected_categories().is_none() {
            return self.all;
        }
        let ends = Category::ALL.into_iter().zip(self.categories);
        ends.filter(|(category, _)| filter.includes(*category)).map(|(_, end)| end).max().unwrap_or_default()
    }

    /// Applies an announcement, even a late one. Returns whether it changed anything.
    pub(super) fn apply(&mut self, announcement: &Announcement) -> bool {
        let before = *self;
        self.all = self.all.max(announcement.head);
        for (category, end) in Category::ALL.into_iter().zip(&mut self.categories) {
            if announcement.categories.contains(&category) {
                *end = announcement.head.max(*end);
            }
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn at(position: u64) -> Position {
        Position::new(position, position).unwrap()
    }

    #[test]
    fn an_announcement_parses_from_its_own_text() {
        let categories = [Category::Daybook, Category::Privacy].into();
        let announcement = Announcement { head: at(1234), categories };
        assert_eq!(announcement.to_string(), "1234 daybook privacy");
        assert_eq!("1234 daybook privacy".parse(), Ok(announcement));
        assert_eq!("1234".parse(), Ok(Announcement::all_categories(at(1234))), "as older releases announce");
        assert_eq!("9 newer".parse(), Ok(Announcement { head: at(9), categories: [].into() }));
        assert!("daybook 9".parse::<Announcement>().is_err());
    }

    #[test]
    fn an_announcement_moves_only_the_heads_of_its_categories() {
        let routing = Filter::categories([Category::Routing]);
        let mut heads = Heads::at(at(5));
        assert!(heads.apply(&"7 daybook".parse().unwrap()));
        assert_eq!(
            (heads.all(), heads.matching(&Filter::all()), heads.matching(&routing)),
            (at(7), at(7), at(5))
        );
        assert!(heads.apply(&"6 routing".parse().unwrap()), "one that comes late");
        assert_eq!((heads.all(), heads.matching(&routing)), (at(7), at(6)));
        assert!(!heads.apply(&"6 routing".parse().unwrap()));
        assert_eq!(heads.matching(&Filter::categories([])), Position::START);
    }
}
