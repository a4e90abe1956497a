//! Counts and percentages as people read them.

/// A number with a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A percentage, rounded to hundredths, without trailing zeros: `12.5 %`. It is never cut, so that parts add up.
pub(crate) fn percent(percent: f64) -> String {
    let text = format!("{percent:.2}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn the_noun_agrees_with_the_number() {
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!(counted(0, "row", "rows"), "0 rows");
    }

    #[test]
    fn percentages_are_rounded_so_that_parts_add_up() {
        assert_eq!(percent(100.0 * 27.0 / 52.0), "51.92 %");
        assert_eq!(percent(100.0 * 25.0 / 52.0), "48.08 %");
        assert_eq!([0.0, 5.0, 12.5, 100.0].map(percent), ["0 %", "5 %", "12.5 %", "100 %"]);
    }
}
