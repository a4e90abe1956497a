//! A number that exists, according to the numbering plans of the region and of the world.

use phonenumber::country::Source;
use phonenumber::{Mode, PhoneNumber};

use super::region::Region;
use super::written::{Written, group_lengths};

/// Most digits of a number within its town. A longer one without the region's prefix has lost it, as in a spreadsheet. A
/// shorter one has only if its groups set an area code apart: 2512-4567 is a number in many towns, 2-512-4567 is in Seoul.
pub(super) const LONGEST_LOCAL_NUMBER: usize = 8;

/// Fewest digits of a patient's number.
const SHORTEST: usize = 8;

/// What Korean numbers begin with whose area code has four digits, as in 0507-1234-5678. The plan divides it after three.
const KOREAN_PERSONAL: &str = "050";

/// The calling code of Mexico, and the prefixes of its numbers until 2019: 1 before a mobile one from abroad.
pub(super) const MEXICO: u16 = 52;
pub(super) const MEXICO_ABROAD: &str = "521";
pub(super) const MEXICO_AT_HOME: [&str; 4] = ["044", "045", "01", MEXICO_ABROAD];

/// Digits of a number of Mexico.
const MEXICAN_DIGITS: usize = 10;

/// A number of the region or of another one.
pub(super) struct Reading {
    pub(super) normal: String,
    pub(super) is_own: bool,
    /// How many of its digits follow the area code; none if its groups are unknown, and all in a number of another region.
    behind_area: usize,
    /// Whether its prefix was put back although the groups are none of such a number.
    pub(super) is_regrouped: bool,
}

impl Reading {
    /// The number that a text stands for; none if there is no such number. Numbers of the region come first: `0082` is the
    /// calling code after `00`, although 008 is a carrier's prefix in Korea.
    pub(super) fn of(region: Region, written: &Written) -> Option<Self> {
        let Written { has_plus, digits, .. } = written;
        Self::of_digits(region, written)
            .or_else(|| {
                let code = region.calling_code().to_string();
                let once = digits.strip_prefix(&code).filter(|rest| rest.starts_with(&code));
                // A calling code twice, or a zero between the `+` and the calling code.
                let zeroless = digits.strip_prefix('0').filter(|_| *has_plus);
                once.or(zeroless).and_then(|rest| read(region, &format!("+{rest}"), &[]))
            })
            .or_else(|| Self::of_old_mexican(region, written))
    }

    /// A number with a prefix that Mexico gave up in 2019.
    fn of_old_mexican(region: Region, written: &Written) -> Option<Self> {
        let Written { is_international, digits, .. } = written;
        let foreign = |digits: &str| without_old_prefix(&[MEXICO_ABROAD], digits);
        let national = if *is_international {
            foreign(digits)
        } else {
            let own = (region.calling_code() == MEXICO).then(|| without_old_prefix(&MEXICO_AT_HOME, digits));
            own.flatten().or_else(|| region.without_international_prefix(digits).find_map(foreign))
        };
        read(region, &format!("+{MEXICO}{}", national?), &[])
    }

    fn of_digits(region: Region, written: &Written) -> Option<Self> {
        let Written { is_international, digits, groups, .. } = written;
        if *is_international {
            return read(region, &format!("+{digits}"), &[]);
        }
        let own = read(region, digits, groups).filter(|reading| reading.is_own);
        own.or_else(|| {
            let mut rests = region.without_international_prefix(digits);
            rests.find_map(|rest| read(region, &format!("+{rest}"), &[]))
        })
    }

    /// Whether it is long enough for a patient's number. The plans have shorter ones, such as 032-107.
    pub(super) fn is_long(&self) -> bool {
        self.normal.len() >= SHORTEST
    }

    pub(super) fn has_usual_groups(&self) -> bool {
        self.is_own && self.behind_area > 0
    }

    /// How many digits of a text belong to the area code and to what is dialled before it.
    pub(super) fn area_end(&self, written: &Written) -> usize {
        written.digits.len().saturating_sub(self.behind_area)
    }
}

fn without_old_prefix(prefixes: &[&str], digits: &str) -> Option<String> {
    let national = prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
    (national.len() == MEXICAN_DIGITS).then(|| national.to_owned())
}

/// Reads digits that are divided into groups of some lengths.
fn read(region: Region, text: &str, groups: &[usize]) -> Option<Reading> {
    let number = parse(region, text)?;
    if number.code().value() != region.calling_code() {
        let normal = number.format().mode(Mode::E164).to_string();
        let behind_area = normal.len() - "+".len();
        return Some(Reading { normal, is_own: false, behind_area, is_regrouped: false });
    }
    let national = number.format().mode(Mode::National).to_string();
    let normal: String = national.chars().filter(char::is_ascii_digit).collect();
    let mut usual = group_lengths(&national);
    if let [area @ 3, rest, ..] = usual.as_mut_slice()
        && region.is_korea()
        && normal.starts_with(KOREAN_PERSONAL)
    {
        (*area, *rest) = (4, rest.saturating_sub(1));
    }
    let lacks_prefix = number.code().source() == Source::Default && normal.len() > text.len();
    let is_grouped_otherwise = lacks_prefix && !sets_area_apart(region, &usual, groups);
    if is_grouped_otherwise && text.len() <= LONGEST_LOCAL_NUMBER {
        return None;
    }
    let is_regrouped = is_grouped_otherwise && groups.len() > 1;
    let behind_area = usual.iter().skip(1).sum();
    Some(Reading { normal, is_own: true, behind_area, is_regrouped })
}

/// Whether the groups are those of the number as it is written in its region, but for the prefix, or the area code and the
/// rest.
fn sets_area_apart(region: Region, usual: &[usize], groups: &[usize]) -> bool {
    let mut usual = usual.to_vec();
    let Some(area) = usual.first_mut() else { return false };
    *area = area.saturating_sub(region.trunk_prefix().len());
    match (groups, usual.as_slice()) {
        ([area, _rest], [usual, _, ..]) => area == usual,
        (groups, usual) => groups.len() > 1 && groups == usual,
    }
}

/// An existing number, without the prefix of a carrier.
fn parse(region: Region, text: &str) -> Option<PhoneNumber> {
    let plan = if text.starts_with('+') { origin(region, text)? } else { region };
    let number = phonenumber::parse(Some(plan.id()), text).ok().filter(PhoneNumber::is_valid)?;
    match number.carrier() {
        Some(_) => parse(region, &number.format().mode(Mode::E164).to_string()),
        None => Some(number),
    }
}

/// The region of an international number. The library drops the prefix of the region that it is given, which another
/// region's number may begin with.
fn origin(region: Region, text: &str) -> Option<Region> {
    let code = phonenumber::parse(None, text).ok()?.code().value();
    if code == region.calling_code() { Some(region) } else { Region::of_calling_code(code) }
}

#[cfg(test)]
mod tests {
    use crate::phone::Phone;

    fn normal(region: &str, text: &str) -> Option<String> {
        Phone::parse_in(region.parse().unwrap(), text).ok().map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn the_prefixes_that_mexico_gave_up_are_no_part_of_a_number() {
        for text in [
            "55 1234 5678",
            "+52 55 1234 5678",
            "+52 1 55 1234 5678",
            "521 55 1234 5678",
            "0052 1 55 1234 5678",
            "044 55 1234 5678",
            "045 55 1234 5678",
            "01 55 1234 5678",
        ] {
            assert_eq!(normal("MX", text).as_deref(), Some("5512345678"), "{text}");
        }
        for text in ["+52 55 1234 5678", "+52 1 55 1234 5678", "00 52 1 55 1234 5678"] {
            assert_eq!(normal("KR", text).as_deref(), Some("+525512345678"), "{text}");
        }
        for text in ["+54 9 11 2345 6789", "011 15 2345 6789", "+54 11 15 2345 6789"] {
            assert_eq!(normal("AR", text).as_deref(), Some("0111523456789"), "{text}");
        }
        let forms = |region: &str, text| -> Vec<String> {
            let phone = Phone::parse_in(region.parse().unwrap(), text).unwrap();
            phone.former().iter().map(|form| form.as_str().to_owned()).collect()
        };
        for form in ["+5215512345678", "5215512345678", "0445512345678", "0455512345678", "015512345678"] {
            assert!(forms("MX", "55 1234 5678").iter().any(|known| known == form), "{form}");
        }
        assert!(forms("KR", "+52 55 1234 5678").iter().any(|known| known == "+5215512345678"));
    }
}
