//! The streams that a reader selects.

use super::pages::PageRange;
use super::stream::{Category, StreamName};

/// The streams that a reader selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    categories: Option<u8>,
    pages: PageRange,
}

impl Filter {
    /// All streams.
    pub const fn all() -> Self {
        Self { categories: None, pages: PageRange::ALL }
    }

    /// Streams of these categories. An empty list selects nothing.
    pub fn categories(categories: impl IntoIterator<Item = Category>) -> Self {
        let categories = categories.into_iter().fold(0, |set, category| set | category.bit());
        Self { categories: Some(categories), pages: PageRange::ALL }
    }

    /// The same filter, restricted to a range of clinic days.
    #[must_use]
    pub const fn with_pages(self, pages: PageRange) -> Self {
        Self { pages, ..self }
    }

    /// Whether the filter selects this stream.
    pub fn matches(&self, stream: &StreamName) -> bool {
        self.includes(stream.category()) && self.pages.matches(stream)
    }

    /// Whether the filter selects this category, or part of it.
    pub fn includes(&self, category: Category) -> bool {
        self.categories.is_none_or(|set| set & category.bit() != 0)
    }

    /// The selected categories, or `None` if there is no restriction.
    pub fn selected_categories(&self) -> Option<Vec<Category>> {
        self.categories
            .map(|set| Category::ALL.into_iter().filter(|category| set & category.bit() != 0).collect())
    }

    /// The selected clinic days. They matter only if the category of day schedules is selected.
    pub const fn pages(&self) -> PageRange {
        self.pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_matches_the_categories_it_names() {
        let filter = Filter::categories([Category::Catalog, Category::Hours]);
        assert!(filter.matches(&StreamName::catalog()) && filter.matches(&StreamName::hours()));
        assert!(!filter.matches(&StreamName::routing()));
        assert!(Filter::all().matches(&StreamName::routing()));
        assert!(!Filter::categories([]).matches(&StreamName::routing()));
        assert_eq!(filter.selected_categories(), Some(vec![Category::Catalog, Category::Hours]));
    }
}
