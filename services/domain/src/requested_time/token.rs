//! The tokenizer: splits a text into the words and signs of the grammar. Any other character makes the whole text
//! unreadable; nothing is skipped except whitespace.

use unicode_normalization::UnicodeNormalization;

use super::Ambiguity;
use crate::time::Period;

/// A word or sign of the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Consecutive digits: their value and their number.
    Number { value: u32, digits: usize },
    /// `:` between numbers.
    Separator,
    /// `.` between numbers. It may also be part of a date.
    Point,
    /// 시
    Hour,
    /// 분
    Minute,
    /// 반
    Half,
    /// 오전, 오후, am, pm and similar words.
    Marker(Period),
    /// `~` or `-` between two times.
    RangeSign,
    /// Words that do not narrow a half-day: 중, 아무때나.
    Anytime,
}

impl Token {
    /// Whether it stands between an hour and its minutes.
    pub(super) const fn separates(self) -> bool {
        matches!(self, Self::Separator | Self::Point)
    }
}

/// All words. A word comes before its own prefixes.
const WORDS: [(&str, Token); 18] = [
    ("아무 때나", Token::Anytime),
    ("아무때나", Token::Anytime),
    ("중에", Token::Anytime),
    ("중", Token::Anytime),
    ("오전", Token::Marker(Period::Morning)),
    ("오후", Token::Marker(Period::Afternoon)),
    ("morning", Token::Marker(Period::Morning)),
    ("afternoon", Token::Marker(Period::Afternoon)),
    ("a.m.", Token::Marker(Period::Morning)),
    ("p.m.", Token::Marker(Period::Afternoon)),
    ("am", Token::Marker(Period::Morning)),
    ("pm", Token::Marker(Period::Afternoon)),
    ("시", Token::Hour),
    ("분", Token::Minute),
    ("반", Token::Half),
    (":", Token::Separator),
    (".", Token::Point),
    ("~", Token::RangeSign),
];

/// Maximum number of digits; a longer number is not a time.
const MAX_DIGITS: usize = 4;

/// Replaces full-width characters by plain ones, and letters by lower case.
pub(super) fn fold(text: &str) -> String {
    // Fast path: most texts have plain characters only, and a rebuild parses a text for every reservation.
    if text.chars().all(|letter| letter.is_ascii() || matches!(letter, '가'..='힣')) {
        return text.to_ascii_lowercase();
    }
    text.nfkc().flat_map(char::to_lowercase).collect()
}

/// The word of the grammar that the text starts with, if any.
pub(super) fn word_at(text: &str) -> Option<&'static str> {
    WORDS.iter().map(|(word, _)| *word).find(|word| text.starts_with(word))
}

/// Splits a text into tokens. Case and character width do not matter.
pub(super) fn tokenize(text: &str) -> Result<Vec<Token>, Ambiguity> {
    let text = fold(text);
    let mut rest = text.trim();
    let mut tokens = Vec::new();
    while !rest.is_empty() {
        let (token, length) = next(rest).ok_or(Ambiguity::NotATime)?;
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn next(rest: &str) -> Option<(Token, usize)> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        let value = rest.get(..digits).filter(|run| run.len() <= MAX_DIGITS)?.parse().ok()?;
        return Some((Token::Number { value, digits }, digits));
    }
    if rest.starts_with('-') {
        return Some((Token::RangeSign, 1));
    }
    WORDS.iter().find(|(word, _)| rest.starts_with(word)).map(|(word, token)| (*token, word.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fast_path_folds_plain_texts_like_all_others(text in "[ -~가-힣]{0,24}") {
            let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
            prop_assert_eq!(fold(&text), folded);
        }
    }

    #[test]
    fn full_width_characters_and_decomposed_hangul_become_plain() {
        assert_eq!(fold("１０：３０ ＡＭ"), "10:30 am");
        assert_eq!(fold("\u{110b}\u{1169}\u{110c}\u{1165}\u{11ab} 9시"), "오전 9시");
    }
}
