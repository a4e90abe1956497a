//! Texts that people typed stay texts in the page, and the page loads nothing.

#![allow(clippy::unwrap_used, reason = "tests")]

use daybook_domain::requested_time::Ambiguity;
use daybook_migration::import::ImportReport;
use daybook_migration::import::{Interpretation, Sample};

use super::*;

const TYPED: &str = "<script>alert('1')</script>&\"\u{1b}";

fn page_of(text: &str) -> String {
    let sample = Sample { text: text.to_owned(), becomes: Interpretation::Review(Ambiguity::NotATime) };
    let format = FormatReport {
        format: text.to_owned(),
        rows: 1,
        percent: 100.0,
        earliest: None,
        latest: None,
        samples: vec![sample],
        outcomes: vec![],
    };
    let analysis = Analysis {
        rows: 1,
        formats: vec![format],
        rows_of_other_formats: 0,
        services: [(daybook_domain::LegacyService::SkinCare, 1)].into(),
        statuses: [].into(),
        anomalies: vec![],
        rules: vec![],
        run: ImportReport { review: [(Ambiguity::NotATime, 1)].into(), ..ImportReport::default() },
    };
    page(text, &analysis).unwrap()
}

#[test]
fn a_typed_text_stays_text() {
    let page = page_of(TYPED);
    let shown = "&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;&#34;·";
    assert!(!page.contains("<script") && !page.contains('\u{1b}'), "{page}");
    // The source, the chart, the format and its sample.
    assert_eq!(page.matches(shown).count(), 4, "{page}");
}

#[test]
fn the_page_stands_alone_and_has_its_bars() {
    let page = page_of("09:00");
    for outside in ["http:", "https:", "src=\"", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("<rect width=\"240\"") && page.contains("<rect class=\"review\" width=\"240\""));
    assert!(page.ends_with("</html>\n"));
}
