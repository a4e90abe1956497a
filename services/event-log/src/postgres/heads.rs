//! What is known of the log's end: where it is, and where each family of streams was last appended to.
//!
//! A commit announces both, so that a follower of what changes rarely sleeps while bookings come in. It is only ever a reason
//! to look: what was not announced is found by polling.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::port::{Category, Filter, InvalidPosition, Position};

/// What a commit announces: the new head, and the families of what was appended, such as `1234 daybook privacy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) head: Position,
    pub(super) categories: BTreeSet<Category>,
}

impl Announcement {
    /// A head up to which anything may have been appended.
    pub(super) fn all_categories(head: Position) -> Self {
        Self { head, categories: Category::ALL.into() }
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.head)?;
        self.categories.iter().try_for_each(|family| write!(formatter, " {}", family.as_str()))
    }
}

impl FromStr for Announcement {
    type Err = InvalidPosition;

    /// A release that did not tell families announced the head alone; a newer one may know families that this one does not.
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (head, categories) = match text.split_once(' ') {
            Some((head, categories)) => (head, categories),
            None => return text.parse().map(Self::all_categories),
        };
        let known = |name| Category::ALL.into_iter().find(|family| family.as_str() == name);
        Ok(Self { head: head.parse()?, categories: categories.split(' ').filter_map(known).collect() })
    }
}

/// The known ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heads {
    all: Position,
    categories: [Position; Category::ALL.len()],
}

impl Heads {
    /// A log that ends here, with anything in it.
    pub(super) const fn at(head: Position) -> Self {
        Self { all: head, categories: [head; Category::ALL.len()] }
    }

    /// Everything up to here is committed.
    pub(super) const fn all(&self) -> Position {
        self.all
    }

    /// Position up to which there may be something that passes a filter.
    pub(super) fn of(&self, filter: &Filter) -> Position {
        if filter.selected_categories().is_none() {
            return self.all;
        }
        let ends = Category::ALL.into_iter().zip(self.categories);
        ends.filter(|(family, _)| filter.includes(*family)).map(|(_, end)| end).max().unwrap_or_default()
    }

    /// Takes in an announcement, however late it comes. Whether it is news.
    pub(super) fn apply(&mut self, announcement: &Announcement) -> bool {
        let before = *self;
        self.all = self.all.max(announcement.head);
        for (family, end) in Category::ALL.into_iter().zip(&mut self.categories) {
            if announcement.categories.contains(&family) {
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
    fn an_announcement_reads_back_what_it_prints() {
        let categories = [Category::Daybook, Category::Privacy].into();
        let announcement = Announcement { head: at(1234), categories };
        assert_eq!(announcement.to_string(), "1234 daybook privacy");
        assert_eq!("1234 daybook privacy".parse(), Ok(announcement));
        assert_eq!("1234".parse(), Ok(Announcement::all_categories(at(1234))), "as older releases announce");
        assert_eq!("9 newer".parse(), Ok(Announcement { head: at(9), categories: [].into() }));
        assert!("daybook 9".parse::<Announcement>().is_err());
    }

    #[test]
    fn only_what_a_filter_wants_moves_its_end() {
        let routing = Filter::categories([Category::Routing]);
        let mut heads = Heads::at(at(5));
        assert!(heads.apply(&"7 daybook".parse().unwrap()));
        assert_eq!((heads.all(), heads.of(&Filter::all()), heads.of(&routing)), (at(7), at(7), at(5)));
        assert!(heads.apply(&"6 routing".parse().unwrap()), "one that comes late");
        assert_eq!((heads.all(), heads.of(&routing)), (at(7), at(6)));
        assert!(!heads.apply(&"6 routing".parse().unwrap()));
        assert_eq!(heads.of(&Filter::categories([])), Position::START);
    }
}
