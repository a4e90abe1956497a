//! The shape of a text: digits become `N`, so that texts of one format look alike, and unknown words are masked.
//!
//! A shape must never show a word that is not in the grammar, because people write names into this field.

use super::token;

/// Maximum number of characters of a shape.
const MAX_SHAPE_CHARS: usize = 40;

/// Replaces each digit.
const DIGIT: char = 'N';

/// Replaces each character of an unknown word.
const MASK: char = '○';

/// Marks a shape that was cut off.
const CUT_MARK: char = '…';

/// Punctuation that a shape keeps.
const PUNCTUATION: &str = " :.~-,/()?!+";

/// Normalises a text: full-width characters become plain, letters become lower case, and whitespace is collapsed.
pub fn canonical(text: &str) -> String {
    let folded = token::fold(text);
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the shape of a text.
pub fn shape(text: &str) -> String {
    let text = canonical(text);
    let mut rest = text.as_str();
    let mut shape = String::new();
    let mut length = 0;
    while let Some(first) = rest.chars().next() {
        if length >= MAX_SHAPE_CHARS {
            shape.push(CUT_MARK);
            break;
        }
        let word_length = match token::word_at(rest) {
            Some(word) => {
                shape.push_str(word);
                length += word.chars().count();
                word.len()
            }
            None => {
                shape.push(masked(first));
                length += 1;
                first.len_utf8()
            }
        };
        rest = rest.get(word_length..).unwrap_or_default();
    }
    shape
}

fn masked(character: char) -> char {
    match character {
        character if character.is_ascii_digit() => DIGIT,
        character if PUNCTUATION.contains(character) => character,
        _ => MASK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_format_have_the_same_shape() {
        let cases = [
            ("오전 9시", "오전 N시"),
            (" 오전  9시 ", "오전 N시"),
            ("09:30", "NN:NN"),
            ("０９：３０", "NN:NN"),
            ("9:00 AM", "N:NN am"),
            ("오후 2시 30분", "오후 N시 NN분"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_shape_masks_words_that_are_not_in_the_grammar() {
        assert_eq!(shape("김철수 저녁"), "○○○ ○○");
        assert_eq!(shape("퇴근 후 3:30"), "○○ ○ N:NN");
        assert_eq!(shape("Kim 010-1234"), "○○○ NNN-NNNN");
        assert_eq!(shape("<b>\"x\"&"), "○○○○○○○");
        assert!(shape(&"가".repeat(500)).chars().count() <= MAX_SHAPE_CHARS + 1);
    }

    #[test]
    fn the_canonical_form_ignores_case_width_and_whitespace() {
        assert_eq!(canonical("  Ｌｕｎｃｈ \t Time\n"), "lunch time");
    }
}
