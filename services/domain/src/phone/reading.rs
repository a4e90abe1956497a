//! A number that exists, according to the numbering plans of the region and of the world.

use phonenumber::country::Source;
use phonenumber::{Mode, PhoneNumber};

use super::region::Region;
use super::written::Written;

/// Most digits of a number within its town. A longer one without the region's prefix has lost it, as in a spreadsheet.
const LONGEST_LOCAL_NUMBER: usize = 8;

/// The calling code whose numbers dial 011, and not 00, before another calling code.
const NORTH_AMERICA: u16 = 1;

/// A number of the region or of another one.
pub(super) enum Reading {
    Own(String),
    Foreign(String),
}

impl Reading {
    /// The number that a text stands for; none if there is no such number. Numbers of the region come first: `0082` is the
    /// calling code after `00`, although 008 is a carrier's prefix in Korea.
    pub(super) fn of(region: Region, written: &Written) -> Option<Self> {
        let Written { is_international, digits } = written;
        if *is_international {
            return read(region, &format!("+{digits}"));
        }
        let dialled = read(region, digits);
        if matches!(dialled, Some(Self::Own(_))) {
            return dialled;
        }
        let prefix = if region.calling_code() == NORTH_AMERICA { "011" } else { "00" };
        let abroad = digits.strip_prefix(prefix).and_then(|rest| read(region, &format!("+{rest}")));
        abroad.or(dialled)
    }

    pub(super) fn normal(self) -> String {
        match self {
            Self::Own(number) | Self::Foreign(number) => number,
        }
    }
}

fn read(region: Region, text: &str) -> Option<Reading> {
    let number = parse(region, text)?;
    if number.code().value() != region.calling_code() {
        return Some(Reading::Foreign(number.format().mode(Mode::E164).to_string()));
    }
    let normal = digits(&number.format().mode(Mode::National).to_string());
    let lacks_prefix = number.code().source() == Source::Default && normal.len() > text.len();
    (!lacks_prefix || text.len() > LONGEST_LOCAL_NUMBER).then_some(Reading::Own(normal))
}

/// An existing number, without the prefix of a carrier.
fn parse(region: Region, text: &str) -> Option<PhoneNumber> {
    let number = phonenumber::parse(Some(region.id()), text).ok().filter(PhoneNumber::is_valid)?;
    match number.carrier() {
        Some(_) => phonenumber::parse(Some(region.id()), number.format().mode(Mode::E164).to_string()).ok(),
        None => Some(number),
    }
}

pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
