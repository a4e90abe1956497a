//! `daybook token`: a token for the staff API, signed with this installation's secret.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use clap::Args;
use daybook_api::{Role, StaffName, issue_token};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::Format;
use crate::secrets;
use crate::settings::Settings;

/// Longest life of a token. Nobody can take one back.
const MAX_TTL: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[derive(Args)]
pub(super) struct Arguments {
    /// What its bearer may do: EDITOR reads, ADMIN changes too, SUPER_ADMIN everything
    #[arg(long, value_parser = parse_role)]
    role: Role,
    /// Who its bearer is; changes are recorded under this name
    #[arg(long, value_name = "NAME", value_parser = |text: &str| StaffName::parse(text))]
    subject: StaffName,
    /// How long it holds, such as 30m, 8h or 30d
    #[arg(long, default_value = "8h", value_parser = parse_ttl)]
    ttl: Duration,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Issued {
    token: String,
    expires_at: DateTime<Utc>,
}

pub(super) fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    settings.check_jwt_secret()?;
    let secret = secrets::jwt_secret(settings)?;
    let expires_at = (Utc::now() + arguments.ttl).trunc_subsecs(0);
    let token = issue_token(&secret, arguments.subject, arguments.role, expires_at)?;
    let issued = Issued { token, expires_at };
    arguments.format.print(&issued, || issued.token.clone())?;
    Ok(Exit::Done)
}

fn parse_role(text: &str) -> Result<Role, String> {
    text.to_ascii_uppercase().parse().map_err(|_| "write EDITOR, ADMIN or SUPER_ADMIN".to_owned())
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    let wanted = || format!("write a number and s, m, h or d, at most {}d", MAX_TTL.as_secs() / 86_400);
    let unit_at = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(unit_at);
    let unit_seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wanted()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_seconds));
    let ttl = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs).filter(|ttl| *ttl <= MAX_TTL);
    ttl.ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_number_and_a_unit() {
        let hours = |hours: u64| Ok(Duration::from_secs(hours * 3600));
        assert_eq!(parse_ttl("8h"), hours(8));
        assert_eq!(parse_ttl("90m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_ttl("366d"), hours(366 * 24));
        for wrong in ["", "8", "h", "-1h", "0s", "367d", "8시", "99999999999999999999d"] {
            assert!(parse_ttl(wrong).is_err(), "{wrong}");
        }
    }
}
