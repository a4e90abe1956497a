//! The URL of EventStoreDB. It can contain a password and is never shown.

use std::fmt;

use eventstore::{ClientSettings, ClientSettingsParseError};

/// Defaults for options that the URL does not set. The client's own defaults wait half a second per
/// connection attempt.
const DEFAULTS: [(&str, &str); 3] =
    [("maxDiscoverAttempts", "10"), ("discoveryInterval", "100"), ("connectionName", "daybook")];

/// Where EventStoreDB is: `esdb://` with hosts, or `esdb+discover://` with the DNS name of a cluster, with
/// credentials and options such as `tls=false` or `tlsCaFile=/path/ca.crt`.
#[derive(Clone)]
pub struct ConnectionString(ClientSettings);

/// The text is not such a URL. The error does not repeat it, because it can contain a password.
#[derive(Debug, thiserror::Error)]
#[error("an EventStoreDB URL looks like esdb://user:password@host:2113?tls=true: {reason}")]
pub struct InvalidConnectionString {
    reason: String,
}

impl ConnectionString {
    /// Parses a URL.
    pub fn parse(url: &str) -> Result<Self, InvalidConnectionString> {
        let invalid = |reason: String| InvalidConnectionString { reason };
        let mut url = url.trim().to_owned();
        let given = url.to_lowercase();
        for (name, value) in DEFAULTS {
            if !given.contains(&format!("{}=", name.to_lowercase())) {
                let separator = if url.contains('?') { '&' } else { '?' };
                url.push_str(&format!("{separator}{name}={value}"));
            }
        }
        let settings: ClientSettings = url.parse().map_err(|error| invalid(reason_of(&error)))?;
        if let Some(file) = settings.tls_ca_file().filter(|file| !std::path::Path::new(file).is_file()) {
            // The client would accept it and then stop working.
            return Err(invalid(format!("there is no file `{file}`, which tlsCaFile names")));
        }
        Ok(Self(settings))
    }

    pub(super) fn into_settings(self) -> ClientSettings {
        self.0
    }
}

/// The client's message, unless it quotes the URL, which can contain a password.
fn reason_of(error: &ClientSettingsParseError) -> String {
    match error.error() {
        Some(error) => error.to_string(),
        None if error.message().contains("://") => "it cannot be parsed".to_owned(),
        None => error.message().to_owned(),
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConnectionString(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::*;

    #[test]
    fn waits_are_short_unless_the_url_says_otherwise() {
        let settings = ConnectionString::parse("esdb://127.0.0.1:2113?tls=false").unwrap().into_settings();
        assert_eq!(settings.discovery_interval(), Duration::from_millis(100));
        assert!(!settings.is_secure_mode_enabled());
        let settings =
            ConnectionString::parse("esdb://a:1,b:2,c:3?DiscoveryInterval=7").unwrap().into_settings();
        assert_eq!((settings.discovery_interval(), settings.hosts().len()), (Duration::from_millis(7), 3));
        assert!(ConnectionString::parse("esdb://host").unwrap().into_settings().is_secure_mode_enabled());
    }

    #[test]
    fn other_texts_are_refused_without_showing_a_password() {
        for url in ["", "postgres://u:secret@h/d", "esdb://", "esdb://u:secret@h:99999999", "secret"] {
            let refusal = ConnectionString::parse(url).unwrap_err().to_string();
            assert!(refusal.contains("esdb://") && !refusal.contains("secret"), "{refusal}");
        }
        let refusal = ConnectionString::parse("esdb://h?tlsCaFile=/no/such/ca.crt").unwrap_err().to_string();
        assert!(refusal.contains("/no/such/ca.crt"), "{refusal}");
    }
}
