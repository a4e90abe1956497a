//! A phone number as it was written: its digits without separators, invisible characters and extension.

use unicode_normalization::UnicodeNormalization;

/// Most digits of a number with all prefixes, and of an extension.
const MAX_DIGITS: usize = 20;
const MAX_EXTENSION_DIGITS: usize = 7;

/// Words before an extension. It does not identify a patient, because it is left out as often as not.
const EXTENSION_WORDS: [&str; 5] = ["extension", "ext", "내선", "x", "#"];

/// The digits of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether they follow a `+`, as a calling code does.
    pub(super) is_international: bool,
    pub(super) digits: String,
}

impl Written {
    /// Reads a number. Letters are refused, and so are control characters and a second `+`; other characters separate.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text: String = text.trim().nfkc().flat_map(char::to_lowercase).collect();
        let text = text.strip_prefix("tel:").map_or(&*text, |uri| uri.split(';').next().unwrap_or_default());
        Self::read_part(without_extension(text))
    }

    /// Reads a number or a part of one, without an extension.
    pub(super) fn read_part(text: &str) -> Option<Self> {
        let (mut is_international, mut digits) = (false, String::new());
        for character in text.trim().nfkc() {
            match character {
                '0'..='9' if digits.len() < MAX_DIGITS => digits.push(character),
                '+' if digits.is_empty() && !is_international => is_international = true,
                '+' => return None,
                // A dash of Japanese keyboards, which counts as a letter.
                'ー' => {}
                other if other.is_alphanumeric() || other.is_control() => return None,
                _ => {}
            }
        }
        // A calling code never begins with 0: the `+` was put before a number as it is dialled.
        is_international &= !digits.starts_with('0');
        (!digits.is_empty()).then_some(Self { is_international, digits })
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

/// The text without characters that nobody sees: marks of direction, joiners and spaces without a width.
pub fn without_invisible(text: &str) -> String {
    let is_invisible = |character: &char| {
        matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().filter(|character| !is_invisible(character)).collect()
}
