//! Soak times as people write them: `canary-5=24h,stability=14d`.

use std::time::Duration;

use daybook_migration::SoakTimes;

use super::SettingsError;

/// Why soak times were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSoak {
    /// Not a stage that has a soak time.
    #[error("{0:?} is not a stage; use shadow, canary-5, canary-25, canary-50, dynamic or stability")]
    Name(String),
    /// Not a duration.
    #[error("{0:?} is not a duration such as 30m, 24h or 7d")]
    Length(String),
    #[error("{0:?} is given twice")]
    Twice(String),
}

/// Reads soak times. A stage that is not named keeps its default.
pub(super) fn parse(text: Option<&str>) -> Result<SoakTimes, SettingsError> {
    let mut soak = SoakTimes::default();
    let mut named: Vec<&str> = vec![];
    for entry in text.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, length) = entry.split_once('=').unwrap_or((entry, ""));
        let (name, length) = (name.trim(), length.trim());
        let time = time_of(&mut soak, name).ok_or_else(|| InvalidSoak::Name(name.to_owned()));
        let length = humantime::parse_duration(length).map_err(|_| InvalidSoak::Length(length.to_owned()));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn a_stage_that_is_not_named_keeps_the_runbook_s_time() {
        let usual = parse(None).unwrap();
        let hours = [usual.canary5, usual.canary25, usual.canary50, usual.dynamic, usual.stability];
        assert_eq!(hours.map(|time| time.as_secs() / 3600), [24, 48, 48, 7 * 24, 14 * 24]);
        let changed = parse(Some("canary-5=2s, shadow = 30m")).unwrap();
        assert_eq!((changed.canary5.as_secs(), changed.shadow.as_secs()), (2, 1800));
        assert_eq!(changed, SoakTimes { canary5: changed.canary5, shadow: changed.shadow, ..usual });
    }

    #[test]
    fn an_unknown_stage_or_a_bad_duration_is_refused_with_the_text() {
        for (text, wrong) in [
            ("canary=24h", InvalidSoak::Name("canary".into())),
            ("canary-5", InvalidSoak::Length(String::new())),
            ("canary-5=24", InvalidSoak::Length("24".into())),
            ("canary-5=1week2", InvalidSoak::Length("1week2".into())),
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
