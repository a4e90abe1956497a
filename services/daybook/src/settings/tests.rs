//! Which settings are accepted and refused, and their precedence.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use clap::{Args, Command, FromArgMatches};

use super::secret_files::SecretFiles;
use super::*;

const URL: &str = "postgresql://clinic:hunter2@db.example:5432/clinic";

fn parse(arguments: &[&str]) -> Result<Settings, SettingsError> {
    // Without the variables, so that the environment of the test run does not matter.
    let command =
        Options::augment_args(Command::new("daybook")).mut_args(|argument| argument.env(None::<&str>));
    let line = ["daybook"].iter().chain(arguments);
    let matches = command.try_get_matches_from(line).unwrap();
    Settings::parse(Options::from_arg_matches(&matches).unwrap())
}

#[test]
fn the_default_is_a_private_clinic_in_seoul() {
    let settings = parse(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), DEFAULT_LISTEN);
    assert_eq!(settings.data_dir, PathBuf::from(DEFAULT_DATA_DIR));
    assert!(matches!(settings.database, Database::Private));
    assert_eq!((settings.zone, settings.region), (ClinicZone::SEOUL, Region::default()));
    assert_eq!(settings.log_format, LogFormat::Text);
    assert!(settings.check_jwt_secret().is_ok() && settings.check_master_key().is_ok());
}

#[test]
fn the_command_line_wins_over_the_environment_and_every_option_is_a_variable() {
    let command = Options::augment_args(Command::new("daybook"));
    let variables: Vec<_> = command.get_arguments().filter_map(|argument| argument.get_env()).collect();
    assert_eq!(variables.len(), command.get_arguments().count());
    // PATH stands for a variable that is set; a test cannot set one of its own.
    let command = command.mut_arg("timezone", |argument| argument.env("PATH"));
    let zone = |line: &[&str]| {
        let matches = command.clone().try_get_matches_from(line).unwrap();
        matches.get_one::<String>("timezone").cloned()
    };
    assert_eq!(zone(&["daybook"]), std::env::var("PATH").ok());
    assert_eq!(zone(&["daybook", "--timezone", "UTC"]).as_deref(), Some("UTC"));
}

#[test]
fn an_empty_value_counts_as_unset() {
    let settings = parse(&["--listen=", "--database-url=", "--jwt-secret= ", "--timezone="]).unwrap();
    assert_eq!(settings.listen.to_string(), DEFAULT_LISTEN);
    assert!(matches!(settings.database, Database::Private) && settings.jwt_secret.is_none());
}

#[test]
fn an_invalid_setting_is_refused_with_its_option_and_variable() {
    let cases = [
        (["--listen", "8080"], "DAYBOOK_LISTEN"),
        (["--trusted-proxies", "proxy"], "DAYBOOK_TRUSTED_PROXIES"),
        (["--allowed-origins", "*"], "DAYBOOK_ALLOWED_ORIGINS"),
        (["--metrics-token", "short"], "DAYBOOK_METRICS_TOKEN"),
        (["--max-queue-wait", "1ms"], "DAYBOOK_MAX_QUEUE_WAIT"),
        (["--max-queue-wait", "soon"], "DAYBOOK_MAX_QUEUE_WAIT"),
        (["--token-max-lifetime", "0s"], "DAYBOOK_TOKEN_MAX_LIFETIME"),
        (["--database-url", "mysql://x"], "DATABASE_URL"),
        (["--database-url", "host"], "DATABASE_URL"),
        (["--event-store-url", "esdb://"], "EVENT_STORE_URL"),
        (["--event-store-url", "sqlite"], "EVENT_STORE_URL"),
        (["--timezone", "Seoul"], "DAYBOOK_TIMEZONE"),
        (["--region", "Korea"], "DAYBOOK_REGION"),
        (["--master-key", "secret"], "DAYBOOK_MASTER_KEY"),
        (["--jwt-secret", "short"], "DAYBOOK_JWT_SECRET"),
        (["--jwt-secret-previous", "short"], "DAYBOOK_JWT_SECRET_PREVIOUS"),
        (["--jwks", "http://login.example/keys"], "DAYBOOK_JWKS"),
        (["--log-format", "xml"], "DAYBOOK_LOG_FORMAT"),
        (["--soak", "canary-5=soon"], "DAYBOOK_SOAK"),
        (["--use-dynamic-services", "on"], "USE_DYNAMIC_SERVICES"),
        (["--dynamic-services-rollout-percentage", "101"], "DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE"),
        (["--shadow-sample", "101"], "DAYBOOK_SHADOW_SAMPLE"),
        (["--guardrails", "speed=1"], "DAYBOOK_GUARDRAILS"),
        (["--guard-window", "0"], "DAYBOOK_GUARD_WINDOW"),
        (["--guard-window", "2h"], "DAYBOOK_GUARD_WINDOW"),
    ];
    for (line, variable) in cases {
        let error = parse(&line).unwrap_err().to_string();
        assert!(error.contains(line[0]) && error.contains(variable), "{error}");
    }
}

#[test]
fn the_flags_of_the_old_system_keep_their_syntax() {
    let flags = |switch: &str, percent: &str| {
        let (switch, percent) = (
            format!("--use-dynamic-services={switch}"),
            format!("--dynamic-services-rollout-percentage={percent}"),
        );
        let flags = parse(&[&switch, &percent]).unwrap().flags;
        (flags.use_dynamic_services, flags.rollout.map(|share| share.as_percent()))
    };
    assert_eq!(flags("false", "0"), (Some(false), Some(0.0)));
    assert_eq!(flags("TRUE", "12.5"), (Some(true), Some(12.5)));
    assert_eq!(flags("", ""), (None, None));
}

#[test]
fn shadow_reads_and_guardrails_are_configurable() {
    assert_eq!(parse(&[]).unwrap().watching.window.as_secs(), 60);
    let line = ["--shadow-sample=0", "--guardrails=errors=2,min-requests=50", "--guard-window=5"];
    let watching = parse(&line).unwrap().watching;
    assert_eq!((watching.sample, watching.window.as_secs()), (RolloutPercentage::NONE, 5));
    assert_eq!(parse(&["--guard-window=2m"]).unwrap().watching.window.as_secs(), 120);
    let limits = Limits { errors_percent: 2.0, min_requests: 50, ..Limits::default() };
    assert_eq!(watching.limits, limits);
}

#[test]
fn the_log_is_in_the_database_or_in_event_store_db() {
    let at = |url| parse(&["--event-store-url", url]).map(|settings| settings.event_store);
    assert!(matches!(at("postgres"), Ok(EventStore::Database)));
    assert!(matches!(at("esdb://localhost:2113?tls=false"), Ok(EventStore::EventStoreDb(_))));
    assert!(matches!(at("esdb+discover://cluster:2113"), Ok(EventStore::EventStoreDb(_))));
    assert!(matches!(at("esdb://"), Err(SettingsError::EventStoreDb(_))));
}

#[test]
fn no_secret_appears_in_an_error_or_in_debug() {
    for line in [["--database-url", "postgresql://u:hunter2@h:x/d"], ["--jwt-secret", "hunter2"]] {
        let error = format!("{0} {0:?}", parse(&line).unwrap_err());
        assert!(!error.contains("hunter2"), "{error}");
    }
    let (key, secret) = ("ab".repeat(32), "hunter2".repeat(5));
    let settings = parse(&["--database-url", URL, "--master-key", &key, "--jwt-secret", &secret]).unwrap();
    let shown = format!("{settings:?}");
    assert!(!shown.contains("hunter2") && !shown.contains(&key), "{shown}");
}

#[test]
fn secrets_are_not_generated_if_other_machines_can_reach_the_service() {
    let reachable = parse(&["--listen", "0.0.0.0:80"]).unwrap();
    assert!(matches!(reachable.check_jwt_secret(), Err(SettingsError::JwtSecretUnset { .. })));
    // Tokens of an issuer need no secret.
    assert!(parse(&["--listen", "0.0.0.0:80", "--jwks", "keys.json"]).unwrap().check_jwt_secret().is_ok());
    // The private database and its key are in one folder and move together.
    assert!(reachable.check_master_key().is_ok());
    let shared = parse(&["--listen", "[::]:80", "--database-url", URL]).unwrap();
    assert!(matches!(shared.check_master_key(), Err(SettingsError::MasterKeyUnset { .. })));
    let (key, secret) = ("ab".repeat(32), "s".repeat(32));
    let chosen =
        ["--listen", "0.0.0.0:80", "--database-url", URL, "--master-key", &key, "--jwt-secret", &secret];
    let chosen = parse(&chosen).unwrap();
    assert!(chosen.check_jwt_secret().is_ok() && chosen.check_master_key().is_ok());
}

#[test]
fn secrets_may_be_generated_on_loopback() {
    for listen in ["127.0.0.1:0", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        let settings = parse(&["--listen", listen, "--database-url", URL]).unwrap();
        assert!(settings.check_jwt_secret().is_ok() && settings.check_master_key().is_ok(), "{listen}");
    }
}

#[test]
fn a_secret_comes_from_a_file_and_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, format!("{}\n", "s".repeat(32))).unwrap();
    let options = |jwt_secret: Option<&str>, file: &std::path::Path| Options {
        jwt_secret: jwt_secret.map(str::to_owned),
        secret_files: SecretFiles { jwt_secret_file: Some(file.into()), ..SecretFiles::default() },
        ..Options::default()
    };
    let settings = Settings::parse(options(None, &path).read_secret_files().unwrap()).unwrap();
    assert!(settings.jwt_secret.is_some());
    let read = |options: Options| options.read_secret_files().unwrap().jwt_secret;
    std::fs::write(&path, format!("\u{feff}{}\n", "s".repeat(32))).unwrap();
    let text = read(options(None, &path)).unwrap();
    assert_eq!(text.trim(), "s".repeat(32), "without the byte order mark");
    assert_eq!(
        read(options(Some("s"), std::path::Path::new(""))).as_deref(),
        Some("s"),
        "an empty name is none"
    );
    let error = |options: Options| options.read_secret_files().err().unwrap().to_string();
    let twice = error(options(Some("another"), &path));
    assert!(twice.contains("DAYBOOK_JWT_SECRET") && !twice.contains("another"), "{twice}");
    std::fs::write(&path, " \n").unwrap();
    assert!(error(options(None, &path)).contains("is empty"));
    assert!(error(options(None, &folder.path().join("none"))).contains("cannot read"));
}

#[test]
fn a_secret_on_the_command_line_is_noticed() {
    let command =
        Options::augment_args(Command::new("daybook")).mut_args(|argument| argument.env(None::<&str>));
    let matches = command.try_get_matches_from(["daybook", "--jwt-secret", "s", "--listen", "x"]).unwrap();
    assert_eq!(secrets_on_command_line(&matches), ["--jwt-secret"]);
}
