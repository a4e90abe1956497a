//! Which command lines are accepted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use clap::CommandFactory;

use super::*;

#[cfg(feature = "migration")]
mod mentions;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("daybook").chain(line.split_whitespace()))
}

#[test]
fn the_command_line_has_no_contradictions() {
    Cli::command().debug_assert();
}

#[test]
fn a_setting_may_stand_before_or_after_the_command() {
    for line in ["--listen 127.0.0.1:0 serve", "serve --listen 127.0.0.1:0"] {
        assert_eq!(parse(line).unwrap().options.listen.as_deref(), Some("127.0.0.1:0"), "{line}");
    }
}

/// Commands on the views.
const VIEW_COMMANDS: &[&str] = &[
    "projection list",
    "projection list --json",
    "projection run",
    "projection run --json",
    "projection rebuild",
    "projection rebuild legacy --yes",
    "projection rebuild dynamic -y --json",
    "projection rebuild all --memory 256 --keep 3",
    "projection rebuild dynamic --until 1234 --name before_the_flip",
    "projection rebuild --until 2026-11-25T09:00:00+09:00 --name morning --yes --json",
    "projection rebuild --dry-run --memory 64",
    "projection drop dynamic_3 --yes",
    "projection verify --json",
    "projection retire legacy --reason done --yes --json",
    "projection restore legacy --yes",
    "projection restore legacy --reason audit -y --json",
    "projection verify --quick",
    "projection verify legacy_3 legacy_4",
    "projection verify legacy_2 dynamic_5 --quick --json",
    "projection verify --proof proof.json --force",
    "projection verify --check proof.json --log log.jsonl --json",
    "projection verify --check proof.json --log log.jsonl --with-keys",
    "projection parked list --json",
    "projection parked show 12.10 --json",
    "projection parked retry --all --yes",
    "projection parked retry daybook-2026-12-01 --yes --json",
    "projection parked discard 12 --reason unreadable --yes",
];

/// Commands of the migration.
const MIGRATION_COMMANDS: &[&str] = &[
    "backup /backups/monday --json",
    "restore /backups/monday --verify --json",
    "restore /backups/monday --yes",
    "migrate checklist",
    "migrate checklist --json",
    "migrate checklist list --json",
    "migrate checklist done team-trained --evidence drill --yes --json",
    "migrate checklist contacts --set database-admin=Kim,02-1 --set backup-location=nas --yes",
    "migrate status",
    "migrate status --history --json",
    "migrate plan",
    "migrate plan --to dynamic --json",
    "migrate advance --yes",
    "migrate advance --to canary-5 --reason go --yes --json",
    "migrate advance --to canary-25 --override known --approver lee -y",
    "migrate rehearse",
    "migrate rehearse --traffic 1000 --readers 8 --json",
    "migrate rollback --reason errors --yes",
    "migrate rollback --to shadow --reason errors -y --json",
    "--soak canary-5=2s migrate advance",
    "--use-dynamic-services true --dynamic-services-rollout-percentage 100 serve",
    "import run --csv reservations.csv --yes",
    "import run --from postgresql://clinic@db/old",
    "import run --csv reservations.csv --dry-run --rules times.toml --json",
    "import run --csv reservations.csv --dry-run --final --old-wins",
    "import analyze --csv reservations.csv",
    "import analyze --csv reservations.csv --separator ; --encoding cp949 --dates local",
    "import run --csv reservations.csv --separator tab --dates utc --yes",
    "import analyze --from postgresql://clinic@db/old --rules times.toml --samples --json",
    "import analyze --csv reservations.csv --html report.html --force",
    "migrate check --phase 2",
    "migrate check --stage canary-25 --json",
    "migrate check --final --json",
    "migrate check --performance",
    "import run --from postgresql://clinic@db/old --since 2026-11-20T03:00:00Z --yes",
    "import run --csv a --old-wins --final --yes --json",
    "import resolve decide 5ab08197 --keep-ours --reason same --from postgresql://clinic@db/old --yes",
    "import resolve decide 5ab08197 --leave-out --reason test --csv a --dates local --json",
    "import resolve list --json",
    "import resolve withdraw 5ab08197 --yes",
    "import review list --reason ambiguous_hour --date 2026-12-01 --limit 5 --json",
    "import review decide 5ab08197 --time 14:00 --yes",
    "import review decide 5ab08197 --period MORNING --json",
    "import review decide --all-like 2시 --keep",
    "import review export review.csv --reason NOT_A_TIME",
    "import review apply review.csv --yes --json",
];

/// All other commands.
const OTHER_COMMANDS: &[&str] = &[
    "status --json",
    "reads show",
    "reads set --dynamic 25 --reason canary --yes",
    "reads rollback --reason errors --yes",
    "events show catalog-main",
    "events tail --from 12 --follow",
    "token --role ADMIN --subject kim --ttl 8h",
    "token --role ADMIN --subject kim --json",
    "token revoke 01900000-0000-7000-8000-000000000001 --reason lost --yes --json",
    "token revoke --subject kim --yes",
    "token revoke --subject kim --issued-before 2026-12-01T09:00:00+09:00",
    "token revoked --json",
    "forget --phone 01012345678",
];

#[test]
fn every_documented_command_is_accepted() {
    for line in [VIEW_COMMANDS, MIGRATION_COMMANDS, OTHER_COMMANDS].concat() {
        assert!(parse(line).is_ok(), "{line}");
    }
}

/// Invalid commands on the views.
const INVALID_VIEW_COMMANDS: &[&str] = &[
    "projection rebuild both",
    "projection rebuild --memory 63",
    "projection rebuild --until 12",
    "projection rebuild --name past",
    "projection rebuild --until yesterday --name past",
    "projection rebuild --until 12 --name Past",
    "projection rebuild --until 12 --name past --keep 2",
    "projection drop live",
    "projection retire legacy",
    "projection retire --reason done",
    "projection retire both --reason done",
    "projection restore",
    "projection verify legacy_3",
    "projection verify legacy_3 legacy_4 legacy_5",
    "projection verify legacy_3 past",
    "projection verify --quick --proof proof.json",
    "projection verify --force",
    "projection verify --check proof.json",
    "projection verify --log log.jsonl",
    "projection verify --quick --check proof.json --log log.jsonl",
    "projection verify legacy_1 legacy_2 --check proof.json --log log.jsonl",
    "projection verify --with-keys",
    "projection parked",
    "projection parked show",
    "projection parked retry",
    "projection parked retry r-1 --all",
    "projection parked discard 12",
    "projection parked discard last --reason x",
];

/// Other invalid commands.
const INVALID_COMMANDS: &[&str] = &[
    "",
    "reads set --dynamic 101 --reason x",
    "reads set --dynamic 5",
    "reads rollback",
    "migrate",
    "migrate plan --to canary",
    "migrate advance --approver lee",
    "migrate rehearse --traffic 0",
    "migrate rehearse --readers 33",
    "migrate rehearse live",
    "migrate rollback",
    "migrate rollback --to next --reason x",
    "import run",
    "import analyze",
    "import analyze --csv a --from postgresql://h/d",
    "import analyze --csv a --force",
    "import run --csv a --from postgresql://h/d",
    "migrate check",
    "migrate check --phase 5",
    "migrate check --stage canary-10",
    "migrate check --phase 1 --stage shadow",
    "migrate check --final --performance",
    "import run --csv a --since yesterday",
    "import run --csv a --since 2026-11-20T03:00:00Z --final",
    "import review",
    "import review list --reason tired",
    "import review decide --time 14:00",
    "import review decide 5ab08197",
    "import review decide 5ab08197 --time 2pm",
    "import review decide 5ab08197 --time 14:00 --period MORNING",
    "import review decide 5ab08197 --all-like x --keep",
    "import review export",
    "import review apply",
    "events show nonsense",
    "events tail --from now",
    "events tail --last 10001",
    "token --role OWNER --subject kim",
    "token --role ADMIN",
    "token",
    "token revoke",
    "token revoke a --subject kim",
    "token revoke a --issued-before 2026-12-01T09:00:00Z",
    "token revoke --subject kim --issued-before yesterday",
    "token revoke eyJhbGciOiJIUzI1NiJ9.e30.x",
    "token --role ADMIN --subject kim revoked",
];

#[test]
fn an_invalid_command_line_is_refused() {
    for line in [INVALID_VIEW_COMMANDS, INVALID_COMMANDS].concat() {
        assert!(parse(line).is_err_and(|error| error.use_stderr()), "{line}");
    }
}

#[test]
fn help_of_every_command_names_the_environment_variables() {
    let help = Cli::command().find_subcommand("serve").map(|_| ()).and_then(|()| parse("serve --help").err());
    let help = help.unwrap().to_string();
    for variable in [
        "DAYBOOK_LISTEN",
        "DAYBOOK_DATA_DIR",
        "DATABASE_URL",
        "DAYBOOK_JWT_SECRET",
        "RUST_LOG",
        "DAYBOOK_SOAK",
        "USE_DYNAMIC_SERVICES",
        "DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE",
    ] {
        assert!(help.contains(variable), "{variable}: {help}");
    }
}

#[test]
fn subcommands_point_to_the_settings_and_their_short_help_leaves_them_out() {
    for line in [&["daybook", "migrate", "status", "-h"][..], &["daybook", "events", "export", "-h"]] {
        let help = command().try_get_matches_from(line).unwrap_err().to_string();
        assert!(help.contains(SETTINGS_HINT) && !help.contains("DAYBOOK_LISTEN"), "{help}");
    }
}
