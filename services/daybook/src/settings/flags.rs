//! The two flags of the old system, which its deployments still set.
//!
//! They are only parsed here. It must never decide what a changed flag does: the write side decides.

use daybook_domain::routing::FlagsObserved;

use super::SettingsError;

/// Parses both flags.
pub(super) fn parse(
    switch: Option<String>,
    percentage: Option<String>,
) -> Result<FlagsObserved, SettingsError> {
    let use_dynamic_services = switch.map(parse_switch).transpose()?;
    let wrong = |text: String| text.parse().map_err(|_| SettingsError::RolloutPercentage(text));
    Ok(FlagsObserved { use_dynamic_services, rollout: percentage.map(wrong).transpose()? })
}

fn parse_switch(text: String) -> Result<bool, SettingsError> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SettingsError::UseDynamicServices(text)),
    }
}
