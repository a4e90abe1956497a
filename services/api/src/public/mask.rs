//! Names as strangers may see them: enough for the person to recognise their own booking, too little for anybody else.

/// 김철수 as 김*수, 김철 as 김*. The number of letters left out does not show.
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
    fn a_name_shows_its_first_and_last_letter_at_most() {
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
