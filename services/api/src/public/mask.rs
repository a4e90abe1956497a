//! Masks names, so that patients recognise their own booking and strangers learn nothing.

/// 김철수 becomes 김*수, and 김철 becomes 김*. The mask does not show the length of the name.
pub(super) fn name(name: &str) -> String {
    let mut letters = name.trim().chars();
    match (letters.next(), letters.next_back(), letters.next()) {
        (Some(first), Some(last), Some(_)) => format!("{first}*{last}"),
        (Some(first), Some(_), None) => format!("{first}*"),
        (Some(_), None, _) | (None, _, _) => "*".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_name_shows_at_most_the_first_and_last_letter() {
        for (full, masked) in [
            ("김철수", "김*수"),
            ("김철", "김*"),
            ("김", "*"),
            ("", "*"),
            ("Jane Doe", "J*e"),
            (" 남궁민수 ", "남*수"),
        ] {
            assert_eq!(name(full), masked);
        }
    }
}
