//! How long each stage of the migration has to last, as a person writes it: `canary-5=24h,stability=14d`.

use std::time::Duration;

use daybook_migration::SoakTimes;

use super::SettingsError;

/// What is wrong with soak times.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSoak {
    /// Not one of what lasts.
    #[error("{0:?} is none of shadow, canary-5, canary-25, canary-50, dynamic, stability")]
    Name(String),
    /// Not a length of time.
    #[error("{0:?} is no length of time such as 2s, 30m, 24h or 7d")]
    Length(String),
    /// Said twice, so that nobody knows which one holds.
    #[error("{0:?} stands there twice")]
    Twice(String),
}

/// Understands what was written; what is not named keeps its usual time.
pub(super) fn parse(text: Option<&str>) -> Result<SoakTimes, SettingsError> {
    let mut soak = SoakTimes::default();
    let mut named: Vec<&str> = vec![];
    for entry in text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, length) = entry.split_once('=').unwrap_or((entry, ""));
        let (name, length) = (name.trim(), length.trim());
        let time = time_of(&mut soak, name).ok_or_else(|| InvalidSoak::Name(name.to_owned()));
        let length = parse_length(length).ok_or_else(|| InvalidSoak::Length(length.to_owned()));
        *time.map_err(SettingsError::Soak)? = length.map_err(SettingsError::Soak)?;
        if named.contains(&name) {
            return Err(SettingsError::Soak(InvalidSoak::Twice(name.to_owned())));
        }
        named.push(name);
    }
    Ok(soak)
}

fn time_of<'a>(soak: &'a mut SoakTimes, name: &str) -> Option<&'a mut Duration> {
    match name {
        "shadow" => Some(&mut soak.shadow),
        "canary-5" => Some(&mut soak.canary5),
        "canary-25" => Some(&mut soak.canary25),
        "canary-50" => Some(&mut soak.canary50),
        "dynamic" => Some(&mut soak.dynamic),
        "stability" => Some(&mut soak.stability),
        _ => None,
    }
}

/// A whole number and its unit.
fn parse_length(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(Duration::from_secs(seconds * u64::from(number)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_not_named_keeps_the_runbook_s_time() {
        let usual = parse(None).unwrap();
        let hours = [usual.canary5, usual.canary25, usual.canary50, usual.dynamic, usual.stability];
        assert_eq!(hours.map(|time| time.as_secs() / 3600), [24, 48, 48, 7 * 24, 14 * 24]);
        let changed = parse(Some("canary-5=2s, shadow = 30m")).unwrap();
        assert_eq!((changed.canary5.as_secs(), changed.shadow.as_secs()), (2, 1800));
        assert_eq!(changed, SoakTimes { canary5: changed.canary5, shadow: changed.shadow, ..usual });
    }

    #[test]
    fn what_is_no_stage_or_no_time_is_refused_by_what_was_written() {
        for (text, wrong) in [
            ("canary=24h", InvalidSoak::Name("canary".into())),
            ("canary-5", InvalidSoak::Length(String::new())),
            ("canary-5=24", InvalidSoak::Length("24".into())),
            ("canary-5=-1h", InvalidSoak::Length("-1h".into())),
            ("canary-5=시간", InvalidSoak::Length("시간".into())),
            ("dynamic=7d,dynamic=1d", InvalidSoak::Twice("dynamic".into())),
        ] {
            match parse(Some(text)) {
                Err(SettingsError::Soak(found)) => assert_eq!(found, wrong, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
