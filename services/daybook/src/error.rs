//! What is said about a failure: the error and its causes on one line, and the exit code that goes with it.
//!
//! PostgreSQL's messages about values, and all its details, quote rows; they are left out here, so that no error can show
//! a patient's name.

use std::error::Error;
use std::io;

use tokio_postgres::error::DbError;

use crate::exit::Exit;
use crate::output::Unconfirmed;
use crate::settings::SettingsError;

/// Classes of PostgreSQL's codes whose messages may quote a value: data, integrity constraints, program limits.
const CLASSES_ABOUT_VALUES: [&str; 3] = ["22", "23", "54"];

/// A word on the command line that makes no sense, in the words that say what would.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The error and its causes, outermost first.
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

/// How a program ends that ends with this error. A reader that has seen enough (`daybook events tail | head`) is none.
pub fn exit_for(error: &anyhow::Error) -> Exit {
    if error.chain().any(is_closed_pipe) {
        return Exit::Done;
    }
    if error.chain().any(is_misuse) { Exit::Usage } else { Exit::Failed }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn is_misuse(error: &(dyn Error + 'static)) -> bool {
    let unattended = matches!(error.downcast_ref::<Unconfirmed>(), Some(Unconfirmed::Unattended));
    unattended || error.is::<UsageError>() || error.is::<SettingsError>()
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_follow_on_one_line() {
        let failed: Result<(), io::Error> = Err(io::Error::other("the disk is full"));
        let error = failed.context("cannot write").unwrap_err();
        assert_eq!(describe(&error), "cannot write: the disk is full");
        assert_eq!(exit_for(&error), Exit::Failed);
    }

    #[test]
    fn a_misuse_and_an_unattended_change_are_usage_errors() {
        for error in [UsageError("no".to_owned()).into(), Unconfirmed::Unattended.into()] {
            assert_eq!(exit_for(&error), Exit::Usage);
        }
        assert_eq!(exit_for(&Unconfirmed::Declined.into()), Exit::Failed);
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(exit_for(&anyhow::Error::new(closed).context("cannot print")), Exit::Done);
    }
}
