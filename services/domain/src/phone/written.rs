//! A phone number as it was written: its digits without separators, invisible characters, notes and extension.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use crate::value::without_ignorable;

/// Most digits of a number with all prefixes, and of an extension.
const MAX_DIGITS: usize = 20;
const MAX_EXTENSION_DIGITS: usize = 7;

/// Words before an extension. It does not identify a patient, because it is left out as often as not. A word comes before
/// its own prefixes.
const EXTENSION_WORDS: [&str; 9] = ["extension", "extn", "ext", "내선번호", "내선", "교환", "구내", "x", "#"];

/// Codes that are dialled before a number to hide or to show the caller's own: `*23#`, `#31#`.
pub(super) const CALLER_ID_CODES: [&str; 2] = ["23", "31"];

/// The zeros of the decimal digits that keyboards of other scripts type: Arabic, Persian, Devanagari, Bengali, Thai, Lao,
/// Burmese and Khmer.
pub const ZEROS: [char; 8] =
    ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}', '\u{ed0}', '\u{1040}', '\u{17e0}'];

/// The digits of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether they follow a `+`, as a calling code does.
    pub(super) is_international: bool,
    /// Whether there was a `+`, even before a 0.
    pub(super) has_plus: bool,
    pub(super) digits: String,
    /// Lengths of the groups into which separators divide the digits.
    pub(super) groups: Vec<usize>,
}

impl Written {
    /// Digits in one group.
    pub(super) fn ungrouped(is_international: bool, digits: String) -> Self {
        Self { is_international, has_plus: is_international, groups: vec![digits.len()], digits }
    }

    /// Reads a number or a part of one, without an extension.
    pub(super) fn read_part(text: &str) -> Option<Self> {
        Self::from_plain(&plain(text)?)
    }

    /// Reads a number in plain characters. Letters are refused, and so are control characters and a second `+`; other
    /// characters separate.
    pub(super) fn from_plain(text: &str) -> Option<Self> {
        let (mut has_plus, mut digits) = (false, String::new());
        for character in text.trim().chars() {
            match character {
                '0'..='9' if digits.len() < MAX_DIGITS => digits.push(character),
                '+' if digits.is_empty() && !has_plus => has_plus = true,
                '+' => return None,
                // A dash of Japanese keyboards, which counts as a letter.
                'ー' => {}
                other if other.is_alphanumeric() || other.is_control() => return None,
                _ => {}
            }
        }
        // A calling code never begins with 0: the `+` was put before a number as it is dialled.
        let is_international = has_plus && !digits.starts_with('0');
        let groups = group_lengths(text);
        (!digits.is_empty()).then_some(Self { is_international, has_plus, digits, groups })
    }
}

/// The text in plain characters, without what is no part of a number.
pub(super) fn number_in(text: &str) -> Option<String> {
    let text = plain(text)?.to_lowercase();
    let text = without_notes(&text);
    let text = text.strip_prefix("tel:").map_or_else(|| text.clone(), local_to_context);
    Some(without_extension(without_caller_id_code(text.trim())).to_owned())
}

/// Lengths of the groups of digits in a text.
pub(super) fn group_lengths(text: &str) -> Vec<usize> {
    group_spans(text).iter().map(ExactSizeIterator::len).collect()
}

/// Where the groups of digits are in a text.
pub(super) fn group_spans(text: &str) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices(|character: char| character.is_ascii_digit()) {
        match spans.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            Some(_) | None => spans.push(at..at + 1),
        }
    }
    spans
}

/// The text with plain characters and digits. A raised or circled digit is none of a number: it may be a footnote.
fn plain(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    for character in without_ignorable(text).trim().chars() {
        match decimal(character) {
            Some(digit) => plain.push(digit),
            None if is_raised(character) => return None,
            None => plain.push(character),
        }
    }
    Some(plain.nfkc().collect())
}

fn decimal(character: char) -> Option<char> {
    let value = |zero: &char| (character as u32).checked_sub(*zero as u32).filter(|value| *value < 10);
    ZEROS.iter().find_map(value).and_then(|value| char::from_digit(value, 10))
}

/// Whether it only becomes digits by normalization. Full-width and mathematical digits are digits themselves.
fn is_raised(character: char) -> bool {
    let is_digit = matches!(character, '0'..='9' | '\u{ff10}'..='\u{ff19}' | '\u{1d7ce}'..='\u{1d7ff}');
    !is_digit && std::iter::once(character).nfkc().any(|plain| plain.is_ascii_digit())
}

/// The text without words in brackets, such as whose number it is.
fn without_notes(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, note, after)) = bracketed(rest) {
        kept.push_str(before);
        if !is_note(note) {
            kept.push_str(&format!("({note})"));
        }
        rest = after;
    }
    kept + rest
}

/// The text before the first bracket, in it, and behind it.
fn bracketed(text: &str) -> Option<(&str, &str, &str)> {
    let (before, inner) = text.split_once(['(', '['])?;
    let (note, after) = inner.split_once([')', ']'])?;
    Some((before, note, after))
}

fn is_note(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
        && !text.chars().any(|c| c.is_numeric() || c.is_control() || c == '+')
}

/// The number of a `tel:` address (RFC 3966). A local number is one in its context, such as `+82`.
fn local_to_context(address: &str) -> String {
    let mut parts = address.split(';');
    let number = parts.next().unwrap_or_default();
    let context = parts.find_map(|part| part.strip_prefix("phone-context=")).filter(|c| c.starts_with('+'));
    match context {
        Some(context) if !number.contains('+') => format!("{context} {number}"),
        Some(_) | None => number.to_owned(),
    }
}

/// The text behind a code that hides or shows the caller's own number.
fn without_caller_id_code(text: &str) -> &str {
    let code_and_number = text.strip_prefix(['*', '#']).and_then(|rest| rest.split_once('#'));
    match code_and_number {
        Some((code, number)) if CALLER_ID_CODES.contains(&code) => number,
        Some(_) | None => text,
    }
}

/// The text before an extension of up to seven digits.
fn without_extension(text: &str) -> &str {
    let split = EXTENSION_WORDS.iter().find_map(|word| text.split_once(word));
    match split {
        Some((number, extension)) if is_extension(extension) => number,
        Some(_) | None => text,
    }
}

fn is_extension(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (1..=MAX_EXTENSION_DIGITS).contains(&digits) && !text.chars().any(char::is_alphabetic)
}
