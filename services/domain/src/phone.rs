//! Phone numbers in one normal form, so that a patient is recognised whatever separators were typed. A number must never
//! appear in a log line, so `Debug` hides it.

use std::fmt;

/// The text is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a phone number has 8 to 15 digits, such as 010-1234-5678 or +82 10 1234 5678")]
pub struct InvalidPhone;

/// A phone number in its normal form: digits only, Korean numbers with a leading zero, others with a `+`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

impl Phone {
    /// Parses a number with the usual separators.
    pub fn parse(text: &str) -> Result<Self, InvalidPhone> {
        let text = text.trim();
        let (international, rest) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
        let separator = |c: char| matches!(c, '-' | ' ' | '.' | '(' | ')');
        let digits: String = rest.chars().filter(|c| !separator(*c)).collect();
        if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPhone);
        }
        Ok(Self(match (international, digits.strip_prefix("82")) {
            (true, Some(national)) => format!("0{}", national.trim_start_matches('0')),
            (true, None) => format!("+{digits}"),
            (false, _) => digits,
        }))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Phone(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_number_have_one_normal_form() {
        for text in
            ["010-1234-5678", "01012345678", " 010 1234 5678 ", "+82 10-1234-5678", "+82 (0)10 1234 5678"]
        {
            assert_eq!(Phone::parse(text).unwrap().as_str(), "01012345678", "{text}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in ["", "010", "call me", "010-1234-567a", "1234567890123456", "01012345678; drop"] {
            assert_eq!(Phone::parse(text), Err(InvalidPhone), "{text}");
        }
    }

    #[test]
    fn debug_hides_the_number() {
        assert_eq!(format!("{:?}", Phone::parse("01012345678").unwrap()), "Phone(..)");
    }
}
