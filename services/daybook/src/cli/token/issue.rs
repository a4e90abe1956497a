//! `daybook token`: issues a token for the staff API, signed with the secret of this installation.
//!
//! Whoever runs it has the secret, so it needs no permission.

use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, SubsecRound, Utc};
use clap::Args;
use daybook_api::{Permission, Role, StaffName, TokenOrder, TokenRules, issue_token};
use serde::Serialize;
use uuid::Uuid;

use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::Format;
use crate::secrets;
use crate::settings::Settings;

/// Shortest lifetime of a token: its expiry has whole seconds.
const MIN_TTL: Duration = Duration::from_secs(1);

/// Longest lifetime of a token.
const MAX_TTL: Duration = TokenRules::MAX_LIFETIME;

/// Both names are optional because a subcommand needs neither.
#[derive(Args)]
pub(super) struct Issue {
    /// EDITOR reads, ADMIN also changes, SUPER_ADMIN may do everything
    #[arg(long, required = true, value_parser = parse_role)]
    role: Option<Role>,
    /// Permissions of the role that the token has, separated by commas: read, desk, catalog, rollout, override, privacy,
    /// tokens
    /// [default: all of the role]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = |text: &str| text.trim().parse::<Permission>())]
    permissions: Option<Vec<Permission>>,
    /// Name of the staff member; changes are recorded under it
    #[arg(long, required = true, value_name = "NAME", value_parser = |text: &str| StaffName::parse(text))]
    subject: Option<StaffName>,
    /// Lifetime, such as 30m, 8h or 30d
    #[arg(long, default_value = "8h", value_parser = parse_ttl)]
    ttl: Duration,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Issued {
    token: String,
    /// The claim `jti`, to revoke the token.
    id: Uuid,
    expires_at: DateTime<Utc>,
}

pub(super) fn run(settings: &Settings, arguments: Issue) -> anyhow::Result<Exit> {
    let Some((role, subject)) = arguments.role.zip(arguments.subject) else {
        return Err(UsageError("--role and --subject are required".to_owned()).into());
    };
    settings.check_jwt_secret()?;
    let Some(secret) = secrets::jwt_secret(settings)? else {
        return Err(UsageError(
            "staff tokens come from the issuer of --jwks (DAYBOOK_JWKS); to issue them here too, set --jwt-secret \
             (DAYBOOK_JWT_SECRET) for this command and for the service"
                .to_owned(),
        )
        .into());
    };
    if let Some(longest) = settings.token_rules.max_lifetime.filter(|longest| arguments.ttl > *longest) {
        let longest = humantime::format_duration(longest);
        bail!("--ttl is longer than --token-max-lifetime (DAYBOOK_TOKEN_MAX_LIFETIME), which is {longest}");
    }
    let now = Utc::now();
    let expires_at = (now + arguments.ttl).trunc_subsecs(0);
    let permissions = arguments.permissions.map(Vec::into_boxed_slice);
    let order = TokenOrder { permissions, ..TokenOrder::new(subject, role, expires_at) };
    let id = order.id;
    let token = issue_token(&secret, &settings.token_rules, order, now)?;
    let issued = Issued { token, id, expires_at };
    arguments.format.print(&issued, || issued.token.clone())?;
    Ok(Exit::Done)
}

fn parse_role(text: &str) -> Result<Role, String> {
    text.to_ascii_uppercase().parse().map_err(|_| "use EDITOR, ADMIN or SUPER_ADMIN".to_owned())
}

fn parse_ttl(text: &str) -> Result<Duration, String> {
    let ttl = humantime::parse_duration(text).ok().filter(|ttl| (MIN_TTL..=MAX_TTL).contains(ttl));
    ttl.ok_or_else(|| {
        format!("use a duration such as 30m, 8h or 30d, at most {}d", MAX_TTL.as_secs() / 86_400)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_duration_of_at_most_a_year() {
        let hours = |hours: u64| Ok(Duration::from_secs(hours * 3600));
        assert_eq!(parse_ttl("8h"), hours(8));
        assert_eq!(parse_ttl("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_ttl("90m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_ttl("366d"), hours(366 * 24));
        for wrong in ["", "8", "h", "-1h", "0s", "367d", "8시", "99999999999999999999d"] {
            assert!(parse_ttl(wrong).is_err(), "{wrong}");
        }
    }
}
