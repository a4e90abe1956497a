//! What a text has behind a whole number: the fraction that a spreadsheet gave it, a note of digits, another line. With it
//! the number would be somebody else's.

use super::reading::Reading;
use super::region::Region;
use super::written::{Written, group_lengths};

/// Fewest digits of a number before a tail.
const SHORTEST_NUMBER: usize = 7;

/// Fewest digits of what a spreadsheet made a fraction of.
const SHORTEST_FLOAT: usize = 8;

const KOREA: u16 = 82;

/// The number without its tail; none if another number or line follows it.
pub(super) fn without_tail(region: Region, text: &str) -> Option<&str> {
    let note = || number_before_note(text).filter(|number| is_number(region, number));
    match without_fraction(text).or_else(note) {
        Some(number) => Some(number),
        None => (!adds_another(region, text)).then_some(text),
    }
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

fn is_number(region: Region, text: &str) -> bool {
    Written::from_plain(text).is_some_and(|written| Reading::of(region, &written).is_some())
}

/// Whether a number is followed by another one, or by the last digits of another line.
pub(super) fn adds_another(region: Region, text: &str) -> bool {
    let mut separators = text.char_indices().filter(|(_, character)| !character.is_ascii_digit());
    separators.any(|(at, separator)| {
        let (number, tail) = text.split_at(at);
        let lengths = group_lengths(number);
        let added = tail.chars().filter(char::is_ascii_digit).count();
        let may_be_number = lengths.iter().sum::<usize>() >= SHORTEST_NUMBER
            && lengths.last().is_some_and(|last| *last > 1)
            && number.trim_end().ends_with(|last: char| last.is_ascii_digit());
        if added == 0 || !may_be_number || !is_number(region, number) {
            return false;
        }
        let lists = !divides(separator) && (added == 1 || !number.contains(separator));
        // In Korea the last group always has four digits. Elsewhere a number may go on after what is one already.
        lists || (added == 1 && region.calling_code() == KOREA) || !is_number(region, text)
    })
}

/// Whether a sign usually stands between the groups of one number.
fn divides(sign: char) -> bool {
    sign.is_whitespace() || matches!(sign, '-' | '‐' | '–' | '—' | '−' | 'ー' | '.' | '(' | ')' | '[' | ']')
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

    #[test]
    fn another_line_and_a_rounded_number_are_refused() {
        for text in [
            "1.077111234E9",
            "+8.21077E+11",
            "1.077111234e+09",
            "02-512-4567~8",
            "02-512-4567 ~ 8",
            "02-512-4567～8",
            "02-512-4567〜8",
            "02-512-4567~69",
            "02-512-4567-8",
            "02-512-4567/8",
            "02/512/4567/8",
            "02-512-4567, 8",
            "02-512-4567,4568",
            "02-512-4567 4568",
            "02-512-4567·8",
            "02-512-4567 & 8",
            "2-512-4567~8",
            "+82 2 512 4567~8",
            "010-7711-1234 2",
            "010-7711-1234.5",
            "010-7711-1234*2",
            "1588-1234/5",
            "010-7711-1234;2",
            "+1 650 253 0000,12",
        ] {
            assert_eq!(normal("KR", text), None, "{text}");
        }
    }
}
