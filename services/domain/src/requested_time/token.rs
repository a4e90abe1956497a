//! Cuts a wish into the few words and signs that times are made of. Anything else makes the whole text unclear.

use unicode_normalization::UnicodeNormalization;

use super::Ambiguity;
use crate::time::Period;

/// A word or sign that times are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A run of digits: its value and how many they were.
    Number { value: u32, digits: usize },
    /// `:` or `.` between numbers.
    Separator,
    /// 시
    Hour,
    /// 분
    Minute,
    /// 반
    Half,
    /// 오전, 오후, am, pm and their like.
    Marker(Period),
    /// `~` or `-` between two times.
    Until,
    /// Words that add nothing to a half of the day: 중, 아무때나.
    Anytime,
}

/// The words, longest first where one is the beginning of another.
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
    (".", Token::Separator),
    ("~", Token::Until),
];

/// Digits in one number, at most; a longer run is no time.
const MAX_DIGITS: usize = 4;

/// Full-width forms as their plain ones, and small letters.
pub(super) fn fold(text: &str) -> String {
    // Most texts are of plain characters only, which are their own forms; a rebuild reads one for every reservation.
    if text.chars().all(|letter| letter.is_ascii() || matches!(letter, '가'..='힣')) {
        return text.to_ascii_lowercase();
    }
    text.nfkc().flat_map(char::to_lowercase).collect()
}

/// The word that a text begins with, where it is one that times are made of.
pub(super) fn word_at(text: &str) -> Option<&'static str> {
    WORDS.iter().map(|(word, _)| *word).find(|word| text.starts_with(word))
}

/// Cuts a text into tokens. Full-width forms count as their plain ones, letters in either case.
pub(super) fn scan(text: &str) -> Result<Vec<Token>, Ambiguity> {
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
        return Some((Token::Until, 1));
    }
    WORDS.iter().find(|(word, _)| rest.starts_with(word)).map(|(word, token)| (*token, word.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_texts_are_folded_as_all_are(text in "[ -~가-힣]{0,24}") {
            let folded: String = text.nfkc().flat_map(char::to_lowercase).collect();
            prop_assert_eq!(fold(&text), folded);
        }
    }

    #[test]
    fn full_width_forms_and_letters_apart_are_folded_to_plain_ones() {
        assert_eq!(fold("１０：３０ ＡＭ"), "10:30 am");
        assert_eq!(fold("\u{110b}\u{1169}\u{110c}\u{1165}\u{11ab} 9시"), "오전 9시");
    }
}
