//! The language of a response, chosen by `Accept-Language`: Korean, unless the client prefers English.

use actix_web::HttpMessage;
use actix_web::http::header::{AcceptLanguage, Header, Quality};

use crate::texts::Language;

/// The client's preferred language among those that Daybook has texts in.
pub(super) fn preferred(request: &impl HttpMessage) -> Language {
    let Ok(mut accepted) = AcceptLanguage::parse(request) else { return Language::default() };
    accepted.0.retain(|item| item.quality > Quality::ZERO);
    accepted
        .ranked()
        .iter()
        .filter_map(|preference| preference.item())
        .find_map(|tag| Language::from_primary_tag(tag.primary_language()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT_LANGUAGE;
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_preferred_supported_language_is_chosen_and_korean_is_the_default() {
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
            let request = TestRequest::default().insert_header((ACCEPT_LANGUAGE, accepted)).to_http_request();
            assert_eq!(preferred(&request), language, "{accepted:?}");
        }
    }
}
