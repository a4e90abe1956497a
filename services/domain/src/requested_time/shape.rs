//! The shape of a wish: its digits as `N`, so that texts of one format look alike, and all that may name a person masked.
//!
//! A shape must never show a word that is not one of the grammar's own: people write names into this field.

use super::token;

/// Signs of a shape, at most; the rest is cut off.
const MAX_SHAPE_SIGNS: usize = 40;

/// Stands for each digit.
const DIGIT: char = 'N';

/// Stands for each letter or sign of a word that the grammar does not know.
const MASK: char = '○';

/// Ends a shape that was cut off.
const CUT: char = '…';

/// The signs between words that a shape shows as they are; they name nobody.
const SIGNS: &str = " :.~-,/()?!+";

/// A text in one spelling: full-width forms as their plain ones, in small letters, blanks gathered, none at its ends.
pub fn canonical(text: &str) -> String {
    let folded = token::fold(text);
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The shape of a text.
pub fn shape(text: &str) -> String {
    let text = canonical(text);
    let mut rest = text.as_str();
    let mut shape = String::new();
    let mut signs = 0;
    while let Some(first) = rest.chars().next() {
        if signs >= MAX_SHAPE_SIGNS {
            shape.push(CUT);
            break;
        }
        let length = match token::word_at(rest) {
            Some(word) => {
                shape.push_str(word);
                signs += word.chars().count();
                word.len()
            }
            None => {
                shape.push(masked(first));
                signs += 1;
                first.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    shape
}

fn masked(sign: char) -> char {
    match sign {
        sign if sign.is_ascii_digit() => DIGIT,
        sign if SIGNS.contains(sign) => sign,
        _ => MASK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_format_have_one_shape() {
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
    fn a_shape_shows_no_word_that_the_grammar_does_not_know() {
        assert_eq!(shape("김철수 저녁"), "○○○ ○○");
        assert_eq!(shape("퇴근 후 3:30"), "○○ ○ N:NN");
        assert_eq!(shape("Kim 010-1234"), "○○○ NNN-NNNN");
        assert_eq!(shape("<b>\"x\"&"), "○○○○○○○");
        assert!(shape(&"가".repeat(500)).chars().count() <= MAX_SHAPE_SIGNS + 1);
    }

    #[test]
    fn case_width_and_blanks_do_not_matter() {
        assert_eq!(canonical("  Ｌｕｎｃｈ \t Time\n"), "lunch time");
    }
}
