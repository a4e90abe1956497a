//! The old system's two flags, as its deployments go on setting them.
//!
//! Here they are only understood. Whether one changed, and what follows from it, is decided by the write side.

use daybook_domain::routing::FlagsObserved;

use super::SettingsError;

/// Understands both; what is unset says nothing.
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
