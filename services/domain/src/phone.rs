//! Phone numbers in one normal form, so that a patient is recognised however the number was written. A number must never
//! appear in a log line, so `Debug` hides it.
//!
//! A subject is a hash of the normal form, and it is stored for good. A number therefore keeps the form that it always
//! had: that of the region as people dial it there, another one with a `+`. [`Phone::former`] has the forms that earlier
//! releases made of other spellings.

mod another;
mod former;
mod reading;
mod region;
mod tail;
mod written;

use std::fmt;
use std::hash::{Hash, Hasher};

pub use crate::value::without_ignorable as without_invisible;
pub use region::{Region, UnknownRegion};
pub use written::ZEROS;

use reading::{LONGEST_LOCAL_NUMBER, Reading};
use written::Written;

/// The text is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a phone number has 8 to 15 digits, such as 010-1234-5678 or +82 10 1234 5678")]
pub struct InvalidPhone;

/// A phone number in its normal form.
#[derive(Clone)]
pub struct Phone {
    normal: Box<str>,
    region: Region,
    /// The form that earlier releases made of this spelling, if it is no number by itself. Others may have it too, so only
    /// who writes this spelling is found under it.
    spelt: Option<Box<str>>,
}

/// A number is the same in every spelling.
impl PartialEq for Phone {
    fn eq(&self, other: &Self) -> bool {
        (&self.normal, self.region) == (&other.normal, other.region)
    }
}

impl Eq for Phone {}

impl Hash for Phone {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.normal, self.region).hash(hasher);
    }
}

impl Phone {
    /// Parses a number as it is written in the default region.
    ///
    /// # Errors
    /// As [`Self::parse_in`].
    pub fn parse(text: &str) -> Result<Self, InvalidPhone> {
        Self::parse_in(Region::default(), text)
    }

    /// Parses a number as it is written in a region. A number that does not exist there is a number all the same, if it
    /// has 8 to 15 digits: earlier systems accepted it.
    ///
    /// # Errors
    /// The text is not a number.
    pub fn parse_in(region: Region, text: &str) -> Result<Self, InvalidPhone> {
        let text = written::number_in(text).ok_or(InvalidPhone)?;
        let normal = match one_number(region, &text).ok_or(InvalidPhone)? {
            (_, Some(reading)) => reading.normal,
            (written, None) => former::form(&written).ok_or(InvalidPhone)?,
        };
        // Earlier releases read the tail as part of the number.
        let spelt = spelt(region, &text).filter(|form| *form != normal).map(Into::into);
        Ok(Self { normal: normal.into(), region, spelt })
    }

    /// Parses a number to look for or to forget. A text that is refused today has the form that earlier releases made of
    /// it, unless others may have it too.
    ///
    /// # Errors
    /// The text never was a number, or it was read as somebody else's.
    pub fn parse_known_in(region: Region, text: &str) -> Result<Self, InvalidPhone> {
        Self::parse_in(region, text).or_else(|refused| {
            let form = written::number_in(text).and_then(|text| spelt(region, &text));
            let form = form.filter(|form| form.len() > LONGEST_LOCAL_NUMBER).ok_or(refused)?;
            Ok(Self { normal: form.into(), region, spelt: None })
        })
    }

    /// The normal form: digits as they are dialled in the region, other numbers with a `+`.
    pub fn as_str(&self) -> &str {
        &self.normal
    }

    /// The forms that earlier releases made of other spellings of this number. Subjects that they stored are hashes of
    /// these.
    pub fn former(&self) -> Vec<Self> {
        let is_same = |form: &String| Self::parse_in(self.region, form).as_ref() == Ok(self);
        let forms = former::candidates(self.region, &self.normal).into_iter().filter(is_same);
        let mut forms: Vec<String> = forms.chain(self.misspelt()).collect();
        if let Some(spelt) = self.spelt.as_deref().filter(|spelt| !forms.iter().any(|form| form == spelt)) {
            forms.push(spelt.to_owned());
        }
        forms
            .into_iter()
            .filter(|form| **form != *self.normal)
            .map(|form| Self { normal: form.into(), region: self.region, spelt: None })
            .collect()
    }

    /// Forms of spellings that no plan has, unless they are the form of another number.
    fn misspelt(&self) -> Vec<String> {
        if number(self.region, &self.normal).is_none() {
            return Vec::new();
        }
        let mut forms = former::misspelt(self.region, &self.normal);
        forms.retain(|form| number(self.region, form).is_none_or(|normal| *normal == *self.normal));
        forms
    }

    /// The texts by which a part of a number, as it was written, is found among digits: with the region's prefix and with
    /// its calling code. None for a text that is not digits and separators.
    pub fn search_digits(region: Region, part: &str) -> Vec<String> {
        Written::read_part(part).map(|written| former::spellings(region, &written)).unwrap_or_default()
    }
}

/// The normal form of a number that exists.
fn number(region: Region, text: &str) -> Option<String> {
    let (_, reading) = one_number(region, &written::number_in(text)?)?;
    reading.map(|reading| reading.normal)
}

/// The form that earlier releases made of a text with all of its digits, if that is no number.
fn spelt(region: Region, text: &str) -> Option<String> {
    Written::from_plain(text).and_then(|all| former::form(&all)).filter(|form| number(region, form).is_none())
}

/// The only number in a text, without its tail.
fn one_number(region: Region, text: &str) -> Option<(Written, Option<Reading>)> {
    another::only_number(region, tail::without_tail(region, text))
}

fn is_number(region: Region, text: &str) -> bool {
    Written::from_plain(text).is_some_and(|written| Reading::of(region, &written).is_some())
}

impl fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Phone(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn normal(region: &str, text: &str) -> Option<String> {
        Phone::parse_in(region.parse().unwrap(), text).ok().map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn all_spellings_of_a_number_have_one_normal_form() {
        let spellings = "010-7711-1234|01077111234| 010 7711 1234 |+82 10-7711-1234|+82 (0)10 7711 1234|82-10-7711-1234|\
            821077111234|82 010 7711 1234|0082 10 7711 1234|0082-010-7711-1234|001-82-10-7711-1234|002 82 10 7711 1234|\
            00700 82 10 7711 1234|10-7711-1234|1077111234|+010-7711-1234|０１０-７７１１-１２３４|＋82 10 7711 1234|\
            010–7711–1234|010—7711—1234|010−7711−1234|010‐7711‐1234|010ー7711ー1234|010~7711~1234|010.7711.1234|\
            010/7711/1234|(010) 7711-1234|[010]7711 1234|010,7711,1234|010·7711·1234|'010-7711-1234|=\"010-7711-1234\"|\
            tel:010-7711-1234|TEL:+82-10-7711-1234|tel:+82-10-7711-1234;ext=12|010-7711-1234 ext. 12|\
            010-7711-1234 x12|010-7711-1234#12|010-7711-1234 내선 12|0821077111234|#31#010-7711-1234|*23#01077111234|\
            *31# 010 7711 1234|#31#+82 10 7711 1234|010-7711-1234 내선번호 3|010-7711-1234 교환 3|010-7711-1234;ext=3|\
            tel:10-7711-1234;phone-context=+82|tel:010-7711-1234;phone-context=clinic.example|010-7711-1234 (엄마)|\
            010-7711-1234（어머니 댁）|[집] 010-7711-1234|010-7711-1234(M)|82 82 10 7711 1234|+82 82 10-7711-1234|\
            +82 (0)10-7711-1234|+82-010-7711-1234|00755 82 10 7711 1234|+0082 10 7711 1234|\
            ٠١٠-٧٧١١-١٢٣٤|๐๑๐-๗๗๑๑-๑๒๓๔|𝟎𝟏𝟎-𝟕𝟕𝟏𝟏-𝟏𝟐𝟑𝟒";
        let invisible = [
            "010\u{a0}7711\u{a0}1234",
            "010\u{3000}7711\u{3000}1234",
            "\u{200b}010-7711-1234\u{feff}",
            "\u{202a}010-7711-1234\u{202c}",
            "\u{2066}010\u{2011}7711\u{2011}1234\u{2069}\u{200e}",
            "010-7711-1234\n",
        ];
        for text in spellings.split('|').chain(invisible) {
            assert_eq!(normal("KR", text).as_deref(), Some("01077111234"), "{text:?}");
        }
    }

    #[test]
    fn other_numbers_of_a_region_are_dialled_as_they_are_there() {
        let numbers = [
            ("KR", "02-123-4567", "021234567"),
            ("KR", "+82 2 123 4567", "021234567"),
            ("KR", "31-123-4567", "0311234567"),
            ("KR", "1588-1234", "15881234"),
            ("KR", "+82 1588 1234", "15881234"),
            ("KR", "070-1234-5678", "07012345678"),
            ("KR", "+1 650 253 0000", "+16502530000"),
            ("KR", "001 1 650 253 0000", "+16502530000"),
            ("KR", "0081 90 1234 5678", "+819012345678"),
            ("KR", "001 81 90 1234 5678", "+819012345678"),
            ("KR", "+44 (0)20 7946 0958", "+442079460958"),
            ("KR", "+01 650 253 0000", "+16502530000"),
            ("KR", "tel:123-4567;phone-context=+82-2", "021234567"),
            ("US", "+82 10-7711-1234", "+821077111234"),
            ("US", "(650) 253-0000", "6502530000"),
            ("US", "+1 650 253 0000", "6502530000"),
            ("US", "1-650-253-0000", "6502530000"),
            ("US", "011 82 10 7711 1234", "+821077111234"),
            ("JP", "+81 90-1234-5678", "09012345678"),
            ("IT", "+39 06 6982 0000", "0669820000"),
        ];
        for (region, text, expected) in numbers {
            assert_eq!(normal(region, text).as_deref(), Some(expected), "{region} {text}");
        }
    }

    #[test]
    fn a_number_that_may_be_a_local_one_gets_no_prefix() {
        assert_eq!(normal("KR", "2123-4567").as_deref(), Some("21234567"));
        assert_ne!(normal("KR", "2123-4567"), normal("KR", "02-123-4567"));
    }

    #[test]
    fn an_area_code_that_is_set_apart_gets_its_prefix_back() {
        let seoul = [
            "2-512-4567",
            "2 512 4567",
            "(2)512-4567",
            "2) 512-4567",
            "2-5124567",
            "2.512.4567 (집)",
            "02-512-4567",
        ];
        for text in seoul {
            assert_eq!(normal("KR", text).as_deref(), Some("025124567"), "{text}");
        }
        // 2512-4567 is a number too, in Seoul and elsewhere. These digits are nobody else's than before.
        for text in ["25124567", "2512-4567", "2512 4567", "25-124-567"] {
            assert_eq!(normal("KR", text).as_deref(), Some("25124567"), "{text}");
        }
        for (region, text, expected) in [
            ("KR", "2-2512-4567", "0225124567"),
            ("KR", "31-512-4567", "0315124567"),
            ("KR", "64-512-4567", "0645124567"),
            ("KR", "70-1234-5678", "07012345678"),
            ("KR", "80-123-4567", "0801234567"),
            ("KR", "502-123-4567", "05021234567"),
            ("KR", "507-1234-5678", "050712345678"),
            ("KR", "15-88-1234", "15881234"),
            ("KR", "1 588-1234", "15881234"),
            ("KR", "1588 1234", "15881234"),
            ("NZ", "3-331 2345", "033312345"),
            ("NZ", "33312345", "33312345"),
            ("US", "650-253-0000", "6502530000"),
            ("SG", "6123 4567", "61234567"),
        ] {
            assert_eq!(normal(region, text).as_deref(), Some(expected), "{region} {text}");
        }
    }

    #[test]
    fn every_carriers_international_prefix_is_read() {
        for prefix in [
            "00", "001", "002", "005", "006", "008", "00345", "00365", "00388", "00700", "00727", "00755",
            "00765",
        ] {
            for (number, expected) in [
                ("1 650 253 0000", "+16502530000"),
                ("81 90 1234 5678", "+819012345678"),
                ("65 6123 4567", "+6561234567"),
                ("82 10 7711 1234", "01077111234"),
                ("82 2 512 4567", "025124567"),
            ] {
                let text = format!("{prefix} {number}");
                assert_eq!(normal("KR", &text).as_deref(), Some(expected), "{text}");
            }
        }
        // Not a carrier's: Russia after 00, and a toll-free number of Korea.
        assert_eq!(normal("KR", "00 7 343 253 0000").as_deref(), Some("+73432530000"));
        assert_eq!(normal("KR", "00798-123-4567").as_deref(), normal("KR", "007981234567").as_deref());
        // Only Korea has them.
        assert_eq!(normal("JP", "00700 1 650 253 0000"), None);
    }

    #[test]
    fn a_spelling_is_found_under_the_form_it_had_and_others_are_not() {
        let forms = |text| -> Vec<String> {
            let phone = Phone::parse(text).unwrap();
            phone.former().iter().map(|form| form.as_str().to_owned()).collect()
        };
        let has = |text, form: &str| forms(text).iter().any(|own| own == form);
        assert!(has("2-512-4567", "25124567") && !has("02-512-4567", "25124567"));
        assert!(has("00700 65 6123 4567", "007006561234567") && has("+65 6123 4567", "007006561234567"));
        assert_eq!(Phone::parse("2-512-4567"), Phone::parse("02-512-4567"));
        // A number was read with its tail, which everybody finds if a spreadsheet made it, and who writes it otherwise.
        assert!(has("010-7711-1234", "10771112340") && has("010-7711-1234", "8210771112340"));
        assert!(has("1077111234.00", "107711123400") && has("010-7711-1234 (2)", "010771112342"));
        assert!(!has("010-7711-1234", "010771112342"));
        // Somebody else's number.
        assert!(!has("312345678.0", "3123456780") && !has("031-234-5678", "3123456780"));
    }

    #[test]
    fn a_number_that_does_not_exist_keeps_its_digits() {
        let numbers = [
            ("12345678", "12345678"),
            ("123456789012345", "123456789012345"),
            ("00000000", "00000000"),
            ("+999 1234 5678", "+99912345678"),
            ("010-1234-56789", "010123456789"),
            ("+82 10-1234-56789", "010123456789"),
        ];
        for (text, expected) in numbers {
            assert_eq!(normal("KR", text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "010",
            "call me",
            "010-1234-567a",
            "1234567890123456",
            "01012345678; drop",
            "010-hunter2",
            "0000",
            "1-800-FLOWERS",
            "010-0000-0008/010-0000-0009",
            "1.0E+09",
            "010-0000-001O",
            "없음",
            "-",
            "010-7711-1234\0",
            "010-7711\n-1234",
            "+82 +82 10 7711 1234",
            "010-7711-1234²",
            "010-7711-123④",
            "010-7711-1234 엄마",
            "010-7711-1234 (엄마 2)",
            "공일공-7711-1234",
            "#31#",
            "ext 12",
            "+",
        ] {
            assert_eq!(Phone::parse(text), Err(InvalidPhone), "{text:?}");
        }
    }

    #[test]
    fn a_region_is_a_country_code() {
        assert_eq!("kr".parse(), Ok(Region::default()));
        assert_eq!("US".parse::<Region>().unwrap().to_string(), "US");
        for wrong in ["", "K", "KOR", "XX", "82"] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_former_forms_are_those_of_spellings_that_are_read_as_the_number() {
        let former = |text| Phone::parse(text).unwrap().former();
        let forms: Vec<_> = former("010-7711-1234").iter().map(|phone| phone.as_str().to_owned()).collect();
        for form in [
            "821077111234",
            "8201077111234",
            "00821077111234",
            "001821077111234",
            "1077111234",
            "+01077111234",
            "3101077111234",
            "2301077111234",
            "82821077111234",
            "0821077111234",
        ] {
            assert!(forms.iter().any(|known| known == form), "{form} in {forms:?}");
        }
        assert!(forms.len() < 32, "{forms:?}");
        assert!(former("12345678").is_empty(), "nobody wrote this number in another way");
        let foreign = former("+1 650 253 0000");
        assert!(foreign.iter().any(|phone| phone.as_str() == "016502530000"), "written +01 650 …");
    }

    #[test]
    fn a_part_of_a_number_is_found_with_the_prefix_and_with_the_calling_code() {
        let found = |part| Phone::search_digits(Region::default(), part);
        assert_eq!(found("7711-12"), ["771112"]);
        assert_eq!(found("010-77"), ["01077", "821077", "8201077"]);
        assert_eq!(found("+82 10-77"), ["821077", "01077", "821077", "8201077"]);
        assert_eq!(found("０１０"), ["010", "8210", "82010"]);
        assert!(found("kim").is_empty() && found("").is_empty());
    }

    #[test]
    fn debug_hides_the_number() {
        assert_eq!(format!("{:?}", Phone::parse("01012345678").unwrap()), "Phone(..)");
    }

    proptest! {
        // The plans of numbers match by their beginnings, so a few odd texts in ten thousand fail.
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]
        #[test]
        fn every_number_that_an_earlier_release_took_is_taken_and_found(text in r"\+?[-0-9 .()]{8,22}") {
            let before = earlier(&text);
            let now = Phone::parse(&text);
            let text_of_one = written::number_in(&text).and_then(|text| one_number(Region::default(), &text));
            prop_assert!(before.is_none() || now.is_ok() || text_of_one.is_none());
            if let (Some(before), Err(_)) = (&before, &now) && before.len() > LONGEST_LOCAL_NUMBER {
                let known = Phone::parse_known_in(Region::default(), &text);
                let form = known.as_ref().map(Phone::as_str);
                prop_assert!(form == Ok(before.as_str()) || number(Region::default(), before).is_some());
            }
            if let (Some(before), Ok(now)) = (before, now) {
                let forms = now.former();
                let known = forms.iter().chain([&now]).any(|phone| phone.as_str() == before);
                let again = Phone::parse(&before).map(|phone| phone == now);
                prop_assert!(known || again == Ok(false), "{text}: {before} is not among the forms of {}", now.as_str());
            }
        }

        #[test]
        fn the_normal_form_is_read_as_itself(text in r"(\+|00|001)?(82|1|44)?0?[0-9]{8,12}") {
            // Zeros after +82 were dropped, whatever was left.
            if let Ok(phone) = Phone::parse(&text) && phone.as_str().len() >= 8 {
                prop_assert_eq!(Phone::parse(phone.as_str()), Ok(phone));
            }
        }
    }

    /// The normal form as releases made it before they knew numbering plans.
    fn earlier(text: &str) -> Option<String> {
        let text = text.trim();
        let (international, rest) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
        let digits: String = rest.chars().filter(|c| !matches!(c, '-' | ' ' | '.' | '(' | ')')).collect();
        if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(match (international, digits.strip_prefix("82")) {
            (true, Some(national)) => format!("0{}", national.trim_start_matches('0')),
            (true, None) => format!("+{digits}"),
            (false, _) => digits,
        })
    }
}
