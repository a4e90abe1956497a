//! What stands behind a whole number and is left out: the fraction that a spreadsheet gave it, and a note of digits.

use super::is_number;
use super::region::Region;

/// Fewest digits of what a spreadsheet made a fraction of.
const SHORTEST_FLOAT: usize = 8;

/// The text without its tail.
pub(super) fn without_tail(region: Region, text: &str) -> &str {
    let note = || number_before_note(text).filter(|number| is_number(region, number));
    without_fraction(text).or_else(note).unwrap_or(text)
}

/// The digits before `.0` or `,00`, with or without marks of thousands.
fn without_fraction(text: &str) -> Option<&str> {
    let text = text.trim_matches(|character: char| !character.is_ascii_digit() && character != '+');
    let at = text.rfind(['.', ','])?;
    let (whole, fraction) = (text.get(..at)?, text.get(at + 1..)?);
    let thousands = if text.get(at..=at) == Some(".") { ',' } else { '.' };
    let is_zero = matches!(fraction.len(), 1 | 2 | 6) && fraction.bytes().all(|byte| byte == b'0');
    let digits = whole.strip_prefix('+').unwrap_or(whole);
    let mut groups = digits.split(thousands);
    let is_plain = groups.next().is_some_and(is_digits)
        && groups.all(|group| group.len() == 3 && is_digits(group))
        && digits.chars().filter(char::is_ascii_digit).count() >= SHORTEST_FLOAT;
    (is_zero && is_plain).then_some(whole)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands before a last bracket with one or two digits.
fn number_before_note(text: &str) -> Option<&str> {
    let (number, note) = text.trim_end().strip_suffix([')', ']'])?.rsplit_once(['(', '['])?;
    let note = note.trim();
    (is_digits(note) && note.len() <= 2).then_some(number)
}

#[cfg(test)]
mod tests {
    use crate::phone::Phone;

    fn normal(region: &str, text: &str) -> Option<String> {
        Phone::parse_in(region.parse().unwrap(), text).ok().map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn a_fraction_and_a_note_of_digits_are_no_part_of_a_number() {
        for text in [
            "1077111234.0",
            "821077111234.0",
            "01077111234.0",
            "+821077111234.0",
            "1077111234.00",
            "1077111234.000000",
            "1,077,111,234.00",
            "1.077.111.234,00",
            "1077111234,0",
            "=\"1077111234.0\"",
            "'1077111234.0",
            "010-7711-1234 (2)",
            "010-7711-1234(02)",
            "010-7711-1234 [2]",
            "010-7711-1234（2）",
            "010-7711-1234 (2) (엄마)",
            "+82 10-7711-1234 ( 2 )",
        ] {
            assert_eq!(normal("KR", text).as_deref(), Some("01077111234"), "{text:?}");
        }
        assert_eq!(normal("KR", "25124567.0").as_deref(), Some("25124567"));
        assert_eq!(normal("KR", "16502530000.0"), normal("KR", "16502530000"));
        // Groups of a number, not fractions.
        for (region, text, expected) in [
            ("FR", "01.42.68.53.00", "0142685300"),
            ("KR", "02.512.0000", "025120000"),
            ("KR", "1588.0000", "15880000"),
            ("KR", "010 7711 (1234)", "01077111234"),
            ("KR", "0 2 5 1 2 4 5 6 7 8", "0251245678"),
            ("DE", "030 1234567-0", "03012345670"),
        ] {
            assert_eq!(normal(region, text).as_deref(), Some(expected), "{region} {text}");
        }
    }
}
