//! What refuses a text: another number, another line, the number of a list's entry. With its digits the number would be
//! somebody else's.
//!
//! The rule: no groups of digits that are a number by themselves may be another one than the whole text. Digits too many
//! within a group are no such thing, because there is only one number to read.

use std::ops::Range;

use super::reading::Reading;
use super::region::Region;
use super::written::{Written, group_spans};

/// Fewest digits of a number within its town.
const SHORTEST_NUMBER: usize = 7;

/// Most digits of a list's entry before a number within its town. More of them may be an area code.
const LONGEST_ENTRY: usize = 1;

/// Digits of the last group of a number in Korea.
const LAST_IN_KOREA: usize = 4;

/// The digits of a text, and the number that they are, if it exists. None if the text holds more than one number.
pub(super) fn only_number(region: Region, text: &str) -> Option<(Written, Option<Reading>)> {
    let written = Written::from_plain(text)?;
    let whole = Whole { region, text, number: Reading::of(region, &written), written };
    // `%20` is one character of an address, not two digits.
    let has_another = text.contains('%')
        || whole.has_zero_in_front()
        || whole.parts().iter().any(|part| whole.contradicts(part));
    (!has_another).then_some((whole.written, whole.number))
}

/// The digits of a text, and the number that they are.
struct Whole<'a> {
    region: Region,
    text: &'a str,
    written: Written,
    number: Option<Reading>,
}

/// Some groups of a text, but not all.
struct Part<'a> {
    text: &'a str,
    written: Written,
    /// How many digits stand before it.
    start: usize,
    /// The text behind it.
    rest: &'a str,
}

impl<'a> Whole<'a> {
    /// Whether a number has a zero too many.
    fn has_zero_in_front(&self) -> bool {
        let mut digits = self.written.digits.as_str();
        let mut rests = std::iter::from_fn(|| {
            digits = digits.strip_prefix('0').filter(|rest| rest.starts_with('0'))?;
            Some(Written::ungrouped(false, digits.to_owned()))
        });
        self.number.is_none() && rests.any(|rest| Reading::of(self.region, &rest).is_some())
    }

    /// The parts that are long enough for a number.
    fn parts(&self) -> Vec<Part<'a>> {
        let groups = group_spans(self.text);
        let (mut parts, mut start) = (Vec::new(), 0);
        for (first, group) in groups.iter().enumerate() {
            // A `+` belongs to the first group.
            let from = if first == 0 { 0 } else { group.start };
            parts.extend(groups.iter().skip(first).filter_map(|last| self.part(from, last, start)));
            start += group.len();
        }
        parts
    }

    fn part(&self, from: usize, last: &Range<usize>, start: usize) -> Option<Part<'a>> {
        let (text, rest) = self.text.split_at_checked(last.end)?;
        let text = text.get(from..)?;
        let written = Written::from_plain(text)?;
        let is_part = (SHORTEST_NUMBER..self.written.digits.len()).contains(&written.digits.len());
        (is_part && last.len() > 1).then_some(Part { text, written, start, rest })
    }

    /// Whether a part is a number that is not the whole one.
    fn contradicts(&self, part: &Part<'_>) -> bool {
        let is_korea = self.region.is_korea();
        let lists = part.start == 0 && part.is_listed();
        let is_local = is_korea && part.is_local();
        if is_local && (lists || self.may_begin_locally(part.start)) {
            return true;
        }
        let is_reached = match &self.number {
            None => true,
            // Outside of Korea a number may go on after what is one already.
            Some(number) if part.start == 0 => {
                let is_short = self.written.groups.last().is_some_and(|last| *last < LAST_IN_KOREA);
                lists || (is_korea && number.is_own && is_short)
            }
            // A separator within an area code shows that the digits before it are no part of it.
            Some(number) => part.start < number.area_end(&self.written),
        };
        if !is_reached || (is_local && part.start > 0) {
            return false;
        }
        match (Reading::of(self.region, &part.written), &self.number) {
            (Some(number), Some(whole)) if number.normal == whole.normal => false,
            (Some(number), _) => number.is_long() && (part.start == 0 || !number.is_regrouped),
            (None, _) => is_korea && part.is_prefixed(),
        }
    }

    /// Whether a number within its town may begin behind some digits.
    fn may_begin_locally(&self, start: usize) -> bool {
        let Written { digits, groups, has_plus, .. } = &self.written;
        let Some(number) = self.number.as_ref().filter(|number| number.has_usual_groups()) else {
            // It may be a number of another country without a `+`, as in 852 2123 4567.
            let foreign = || Reading::of(self.region, &Written::ungrouped(true, digits.clone()));
            let is_foreign = || start == 0 && groups.last() == Some(&LAST_IN_KOREA) && foreign().is_some();
            return start <= LONGEST_ENTRY && !has_plus && !digits.starts_with('0') && !is_foreign();
        };
        let area_end = number.area_end(&self.written);
        let mut end = 0;
        let sets_area_apart = groups.iter().any(|length| {
            end += length;
            end == area_end
        });
        start < area_end && !sets_area_apart
    }
}

impl Part<'_> {
    /// Whether it is written as a Korean number within its town: three or four digits, and four more.
    fn is_local(&self) -> bool {
        let Written { digits, groups, has_plus, .. } = &self.written;
        let is_grouped = matches!(groups.as_slice(), [7 | 8] | [3 | 4, LAST_IN_KOREA]);
        is_grouped && !has_plus && !digits.starts_with('0')
    }

    /// Whether it is written as a Korean number with its area code. Not every number that is in use exists by the plan.
    fn is_prefixed(&self) -> bool {
        let Written { digits, groups, has_plus, .. } = &self.written;
        let is_grouped = matches!(groups.as_slice(), [2..=4, 3 | 4, LAST_IN_KOREA]);
        is_grouped && !has_plus && digits.starts_with('0') && !digits.starts_with("00")
    }

    /// Whether a sign of a list follows it.
    fn is_listed(&self) -> bool {
        let added = self.rest.chars().filter(char::is_ascii_digit).count();
        let mut signs = self.rest.chars().take_while(|sign| !sign.is_ascii_digit());
        signs.any(|sign| !divides(sign) && (added == 1 || !self.text.contains(sign)))
    }
}

/// Whether a sign usually stands between the groups of one number.
fn divides(sign: char) -> bool {
    sign.is_whitespace() || matches!(sign, '-' | '‐' | '–' | '—' | '−' | 'ー' | '.' | '(' | ')' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use crate::phone::{Phone, Region};

    fn normal(region: &str, text: &str) -> Option<String> {
        Phone::parse_in(region.parse().unwrap(), text).ok().map(|phone| phone.as_str().to_owned())
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

    #[test]
    fn a_number_without_an_area_code_does_not_become_one_of_another_town() {
        for text in [
            "5123-4567~8",
            "5123-4567/8",
            "5123-4567, 8",
            "5123-4567 (2)",
            "5123-4567 8",
            "5123-4567-89",
            "51234567~8",
            "2123-4567~8",
            "512-4567~8",
            "512-4567/4568",
            "512-4567 512-4568",
            "5123-4567, 4568",
            "5123-4567/5123-456",
            "1600-1234-56",
            "512-4567 1588-1234",
            "3) 2123-4567",
            "03) 2123-4567",
            "1) 5123-4567",
            "#1 512-4567",
            "1. 1588-1234",
        ] {
            assert_eq!(normal("KR", text), None, "{text}");
        }
    }

    #[test]
    fn what_stands_before_a_number_makes_no_other_one() {
        let numbers = [
            "010-7711-1234",
            "10-7711-1234",
            "01077111234",
            "1077111234",
            "02-512-4567",
            "2-512-4567",
            "031-2123-4567",
            "070-1234-5678",
            "0507-1234-5678",
            // There is none with this area code.
            "010-5984-1754",
        ];
        let fronts = "1) |1. |(1)|#1 |01) |1/|1-|1 |1, |3: |7) |12. |*67 |*67-|#12 |100) |+1) ";
        for text in fronts.split('|').flat_map(|front| numbers.map(|number| format!("{front}{number}"))) {
            assert_eq!(normal("KR", &text), None, "{text}");
        }
        for text in [
            "tel:+82%2010-7711-1234",
            "tel:010%207711%201234",
            "+82%2010-7711-1234",
            "ext 12 010-7711-1234",
            "내선 12) 010-7711-1234",
            "1) 010-7711-1234 (2)",
            "1) 02-512-4567 (2)",
            "1) 1077111234.0",
            "02-512-4567 1588-1234",
            "1588-1234 02-512-4567",
            "1-٠١٠-٧٧١١-١٢٣٤",
            "010a7711b1234",
            "010-7711내선1234",
            "010-7711-I234",
            "0010010-7711-1234",
            "000-10-7711-1234",
            "0002-512-4567",
        ] {
            assert_eq!(normal("KR", text), None, "{text}");
        }
        for (region, text) in [
            ("US", "2) 650-253-0000"),
            ("US", "*67 650-253-0000"),
            ("JP", "1) 090-1234-5678"),
            ("FR", "1. 01 42 68 53 00"),
            ("DE", "1) 030 1234567"),
            ("GB", "1. 020 7946 0958"),
        ] {
            assert_eq!(normal(region, text), None, "{region} {text}");
        }
    }

    #[test]
    fn a_prefix_and_other_groups_are_no_other_number() {
        for (region, text, expected) in [
            ("KR", "(010) 7711-1234", "01077111234"),
            ("KR", "[010]7711-1234", "01077111234"),
            ("KR", "82)10-7711-1234", "01077111234"),
            ("KR", "+82 (0)10-7711-1234", "01077111234"),
            ("KR", "0082-010-7711-1234", "01077111234"),
            ("KR", "0010-7711-1234", "01077111234"),
            ("KR", "0-10-7711-1234", "01077111234"),
            ("KR", "1,077,111,234", "01077111234"),
            ("KR", "107-711-1234", "01077111234"),
            ("KR", "0107 711 1234", "01077111234"),
            ("KR", "010-1588-1234", "01015881234"),
            ("KR", "507-1234-5678", "050712345678"),
            ("KR", "31) 2123-4567", "03121234567"),
            // Numbers of other countries, with and without a `+`.
            ("KR", "+81 (0)3-1234-5678", "+81312345678"),
            ("KR", "+1 312 345 6789", "+13123456789"),
            ("KR", "+49 30 1234567-0", "+493012345670"),
            ("KR", "852 2123 4567", "85221234567"),
            ("KR", "65 6123 4567", "6561234567"),
            ("KR", "1 312 345 6789", "13123456789"),
            // A digit too many, or an area code that there is not.
            ("KR", "010 2512 34567", "010251234567"),
            ("KR", "012-345-6789", "0123456789"),
            ("US", "1) 650-253-0000", "6502530000"),
            ("AU", "04 1234 5678", "0412345678"),
            ("GB", "0207 946 0958", "02079460958"),
            ("AR", "+54 9 11 2345 6789", "0111523456789"),
        ] {
            assert_eq!(normal(region, text).as_deref(), Some(expected), "{region} {text}");
        }
    }

    #[test]
    fn a_refused_text_is_known_by_the_form_it_had_unless_others_have_it() {
        let known = |text| Phone::parse_known_in(Region::default(), text).ok();
        let form = |text| known(text).map(|phone| phone.as_str().to_owned());
        for (text, expected) in [
            ("1) 010-7711-1234", "101077111234"),
            ("*67 010-7711-1234", "6701077111234"),
            ("tel:+82%2010-7711-1234", "0201077111234"),
            ("02-512-4567, 4568", "0251245674568"),
            // The number itself is known as before.
            ("010-7711-1234 (2)", "01077111234"),
        ] {
            assert_eq!(form(text).as_deref(), Some(expected), "{text}");
        }
        assert!(
            Phone::parse("010-7711-1234")
                .unwrap()
                .former()
                .iter()
                .all(|former| { former.as_str() != "101077111234" })
        );
        // 051-234-5678, 010-2512-4567, 5124-5678.
        for text in ["5123-4567~8", "1) 02-512-4567", "512-4567~8", "call me"] {
            assert_eq!(form(text), None, "{text}");
        }
    }

    proptest! {
        // An odd text in some thousands still reads as a number.
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]
        #[test]
        fn no_digits_around_a_number_make_another_one(
            number in r"(010-[2-9][0-9]{3}|02-[2-9][0-9]{2,3}|031-[2-9][0-9]{2,3})-[0-9]{4}",
            front in r"([0-9]{1,2}[-). /,:(] ?)?",
            tail in r"([-~/,. (] ?[0-9]{1,4})?",
        ) {
            let whole = Phone::parse(&format!("{front}{number}{tail}"));
            prop_assert!(whole.is_err() || whole == Phone::parse(&number), "{}{}{}", front, number, tail);
        }
    }
}
