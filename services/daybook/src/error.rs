//! Errors as text, with their causes on one line, and their exit codes.
//!
//! An error must never show a patient's name: PostgreSQL's details and its messages about values quote rows, so they are left
//! out.

use std::error::Error;
use std::io;

use daybook_domain::value::Text;
use tokio_postgres::error::DbError;

use crate::exit::Exit;
use crate::output::Unconfirmed;
use crate::settings::SettingsError;

/// Classes of PostgreSQL's codes whose messages may quote a value: data, integrity constraints, program limits.
const CLASSES_ABOUT_VALUES: [&str; 3] = ["22", "23", "54"];

/// A wrong use of the command line, with a text that says what is right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl UsageError {
    /// Checks a text that a command records.
    pub(crate) fn check_text(option: &str, text: &str, allowed: Text) -> Result<(), Self> {
        if text.trim().is_empty() {
            return Err(Self(format!("{option} is empty")));
        }
        allowed.check(text).map_err(|range| Self(format!("{option}: {range}")))
    }
}

/// The error and its causes, outermost first, on one line.
pub fn describe(error: &anyhow::Error) -> String {
    let texts: Vec<String> = error.chain().map(describe_one).collect();
    texts.join(": ")
}

fn describe_one(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<DbError>() {
        Some(refusal) => describe_refusal(refusal),
        None => error.to_string(),
    }
}

fn describe_refusal(refusal: &DbError) -> String {
    let code = refusal.code().code();
    if CLASSES_ABOUT_VALUES.iter().any(|class| code.starts_with(class)) {
        return format!("PostgreSQL refused a value (SQLSTATE {code})");
    }
    format!("PostgreSQL says: {} (SQLSTATE {code})", refusal.message())
}

/// The exit code for an error. A closed pipe is not a failure (`daybook events tail | head`).
pub fn exit_for(error: &anyhow::Error) -> Exit {
    if error.chain().any(is_closed_pipe) {
        return Exit::Done;
    }
    if error.chain().any(is_usage_error) { Exit::Usage } else { Exit::Failed }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn is_usage_error(error: &(dyn Error + 'static)) -> bool {
    let unattended = matches!(error.downcast_ref::<Unconfirmed>(), Some(Unconfirmed::Unattended));
    unattended || error.is::<UsageError>() || error.is::<SettingsError>()
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use daybook_domain::value::ROUTING_REASON;

    use super::*;

    #[test]
    fn causes_follow_on_one_line() {
        let failed: Result<(), io::Error> = Err(io::Error::other("the disk is full"));
        let error = failed.context("cannot write").unwrap_err();
        assert_eq!(describe(&error), "cannot write: the disk is full");
        assert_eq!(exit_for(&error), Exit::Failed);
    }

    #[test]
    fn a_text_that_cannot_be_shown_is_a_wrong_use_of_its_option() {
        let check = |text| UsageError::check_text("--reason", text, ROUTING_REASON).map_err(|error| error.0);
        assert_eq!(check("점검"), Ok(()));
        for (wrong, shown) in [
            (" ", "--reason is empty"),
            ("\u{200b}", "--reason: 1 to 500 visible characters on one line"),
            ("a\u{202e}b", "--reason: 1 to 500 visible characters on one line"),
        ] {
            assert_eq!(check(wrong), Err(shown.to_owned()));
        }
    }

    #[test]
    fn a_wrong_use_and_an_unconfirmed_change_without_a_terminal_are_usage_errors() {
        for error in [UsageError("no".to_owned()).into(), Unconfirmed::Unattended.into()] {
            assert_eq!(exit_for(&error), Exit::Usage);
        }
        assert_eq!(exit_for(&Unconfirmed::Declined.into()), Exit::Failed);
    }

    #[test]
    fn a_closed_pipe_is_not_a_failure() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(exit_for(&anyhow::Error::new(closed).context("cannot print")), Exit::Done);
    }
}
