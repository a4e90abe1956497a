//! The language of an answer, from `Accept-Language`: the one of ours that the caller prefers, Korean where it does not
//! say.

use actix_web::http::header::{self, HeaderMap};

use super::header::text;
use crate::texts::Language;

/// Languages of a header that are looked at, at most.
const MAX_LANGUAGES: usize = 16;

/// The preferred language.
pub(super) fn of(headers: &HeaderMap) -> Language {
    text(headers, &header::ACCEPT_LANGUAGE).map_or_else(Language::default, preferred)
}

fn preferred(accepted: &str) -> Language {
    let ours = accepted.split(',').take(MAX_LANGUAGES).filter_map(weighed);
    // Of two that weigh the same the first goes: `max_by` takes the last, so the order is turned.
    let ours: Vec<(Language, u16)> = ours.collect();
    let best = ours.into_iter().rev().max_by_key(|(_, weight)| *weight);
    best.filter(|(_, weight)| *weight > 0).map_or_else(Language::default, |(language, _)| language)
}

/// One of ours with its weight in thousandths.
fn weighed(part: &str) -> Option<(Language, u16)> {
    let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
    let primary = tag.trim().split('-').next().unwrap_or_default();
    let language = match primary.to_ascii_lowercase().as_str() {
        "ko" => Language::Korean,
        "en" => Language::English,
        _ => return None,
    };
    let quality = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())?;
    Some((language, (quality.clamp(0.0, 1.0) * 1000.0) as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_of_our_languages_is_taken_and_korean_where_none_is() {
        for (accepted, language) in [
            ("en", Language::English),
            ("en-US,en;q=0.9", Language::English),
            ("ko-KR,ko;q=0.9,en;q=0.8", Language::Korean),
            ("en;q=0.5, ko;q=0.7", Language::Korean),
            ("fr, en;q=0.1", Language::English),
            ("en, ko", Language::English),
            ("fr", Language::Korean),
            ("en;q=0", Language::Korean),
            ("en;q=x", Language::Korean),
            ("", Language::Korean),
        ] {
            assert_eq!(preferred(accepted), language, "{accepted:?}");
        }
    }
}
