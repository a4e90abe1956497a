//! The normal forms of earlier releases, which knew one calling code and no numbering plan. Subjects are hashes of them, so
//! [`form`] never changes.

use super::reading::{MEXICO, MEXICO_ABROAD, MEXICO_AT_HOME};
use super::region::Region;
use super::written::{CALLER_ID_CODES, Written};

/// Digits of a number.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// Prefixes before a calling code where people dial one instead of `+`. Those that another region uses are dropped,
/// because the number does not read as itself with them.
const INTERNATIONAL_PREFIXES: [&str; 19] = [
    "", "00", "001", "002", "005", "006", "008", "009", "010", "011", "0011", "00345", "00365", "00388",
    "00700", "00727", "00755", "00765", "00766",
];

/// The form of digits as they were written.
pub(super) fn form(written: &Written) -> Option<String> {
    let Written { is_international, digits, .. } = written;
    if !DIGITS.contains(&digits.len()) {
        return None;
    }
    Some(match (is_international, digits.strip_prefix("82")) {
        (true, Some(national)) => format!("0{}", national.trim_start_matches('0')),
        (true, None) => format!("+{digits}"),
        (false, _) => digits.clone(),
    })
}

/// Forms that may have been made of other spellings of a number in its normal form.
pub(super) fn candidates(region: Region, normal: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let mut add = |is_international, digits: String| {
        if let Some(form) = form(&Written::ungrouped(is_international, digits))
            && !forms.contains(&form)
        {
            forms.push(form);
        }
    };
    if let Some(foreign) = normal.strip_prefix('+') {
        INTERNATIONAL_PREFIXES.iter().for_each(|prefix| add(false, format!("{prefix}{foreign}")));
        if let Some(mexican) = foreign.strip_prefix(&MEXICO.to_string()) {
            add(true, format!("{MEXICO_ABROAD}{mexican}"));
            INTERNATIONAL_PREFIXES
                .iter()
                .for_each(|prefix| add(false, format!("{prefix}{MEXICO_ABROAD}{mexican}")));
        }
        return forms;
    }
    let code = region.calling_code();
    let significant = normal.strip_prefix(region.trunk_prefix()).unwrap_or(normal);
    if code == MEXICO {
        add(true, format!("{MEXICO_ABROAD}{significant}"));
        MEXICO_AT_HOME.iter().for_each(|prefix| add(false, format!("{prefix}{significant}")));
        add(false, format!("00{MEXICO_ABROAD}{significant}"));
    }
    for number in [significant, normal] {
        for prefix in INTERNATIONAL_PREFIXES {
            add(false, format!("{prefix}{code}{number}"));
        }
        add(true, format!("{code}{number}"));
        add(true, number.to_owned());
        add(false, number.to_owned());
    }
    forms
}

/// Forms that were made of spellings that no numbering plan has: with a code that hides the caller, with the calling code
/// twice, with a zero before another region's calling code, and with the `.0` of a spreadsheet. They may be anybody's only if they are a number.
pub(super) fn misspelt(region: Region, normal: &str) -> Vec<String> {
    let foreign = normal.strip_prefix('+');
    let mut forms: Vec<String> =
        CALLER_ID_CODES.iter().map(|code| format!("{code}{}", foreign.unwrap_or(normal))).collect();
    match foreign {
        Some(foreign) => forms.extend([format!("0{foreign}"), format!("{foreign}0")]),
        None => {
            let (code, trunk) = (region.calling_code(), region.trunk_prefix());
            let significant = normal.strip_prefix(trunk).unwrap_or(normal);
            forms.push(format!("{code}{code}{significant}"));
            forms.push(format!("0{code}{significant}"));
            forms.extend([format!("{significant}0"), format!("{code}{significant}0")]);
        }
    }
    forms.retain(|form| DIGITS.contains(&form.len()));
    forms
}

/// The texts by which a part of a number is found among the digits of any spelling: as written, and with the region's
/// prefix and calling code in place of each other.
pub(super) fn spellings(region: Region, part: &Written) -> Vec<String> {
    let (code, trunk) = (region.calling_code().to_string(), region.trunk_prefix());
    let mut texts = vec![part.digits.clone()];
    let rest = match part.digits.strip_prefix(&code) {
        Some(rest) if part.is_international => Some(rest.strip_prefix(trunk).unwrap_or(rest)),
        _ if !trunk.is_empty() => part.digits.strip_prefix(trunk),
        _ => None,
    };
    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
        texts.extend([format!("{trunk}{rest}"), format!("{code}{rest}"), format!("{code}{trunk}{rest}")]);
    }
    texts.dedup();
    texts
}
