//! The options that every command takes, each of which is an environment variable too.
//!
//! They are texts here: what they mean is found out in one place, where an error can name both the option and the
//! variable. The command line goes before the environment, and an empty value counts as none.

use clap::Args;

/// What a person may choose, as it was written.
#[derive(Args, Default)]
#[command(next_help_heading = "Settings (each also an environment variable)")]
pub struct Options {
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "DAYBOOK_LISTEN", global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// Folder of the private PostgreSQL and of secrets that were not given [default: .daybook]
    #[arg(long, env = "DAYBOOK_DATA_DIR", global = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,

    /// PostgreSQL to use, without TLS: for a socket or a trusted network [default: a private one in the data dir]
    #[arg(long, env = "DATABASE_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Where the event log is: `postgres`, that is the same database, or an EventStoreDB (KurrentDB) such as
    /// esdb://user:password@host:2113 [default: postgres]
    #[arg(long, env = "EVENT_STORE_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub event_store_url: Option<String>,

    /// Time zone in which the clinic keeps its book [default: Asia/Seoul]
    #[arg(long, env = "DAYBOOK_TIMEZONE", global = true, value_name = "ZONE")]
    pub timezone: Option<String>,

    /// Key that wraps the keys of patients' details: 64 hexadecimal digits, or base64 of 32 bytes
    /// [default: made once and kept in the data dir]
    #[arg(long, env = "DAYBOOK_MASTER_KEY", global = true, value_name = "KEY", hide_env_values = true)]
    pub master_key: Option<String>,

    /// Secret that signs tokens of staff, 32 bytes or more [default: made once and kept in the data dir]
    #[arg(long, env = "DAYBOOK_JWT_SECRET", global = true, value_name = "SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,

    /// How long each stage of the migration has to last before the next one, such as canary-5=24h,stability=14d; stages that
    /// are not named keep theirs
    /// [default: shadow=1h,canary-5=24h,canary-25=48h,canary-50=48h,dynamic=7d,stability=14d]
    #[cfg(feature = "migration")]
    #[arg(long, env = "DAYBOOK_SOAK", global = true, value_name = "STAGE=TIME,…")]
    pub soak: Option<String>,

    /// The old system's switch: `true` lets the dynamic view answer everybody, `false` as many as the percentage says. It
    /// is followed at a start of the service, where it changed since the last one
    #[arg(long, env = "USE_DYNAMIC_SERVICES", global = true, value_name = "TRUE|FALSE")]
    pub use_dynamic_services: Option<String>,

    /// The old system's percentage of subjects whom the dynamic view answers, 0 to 100. It is followed at a start of the
    /// service, where it changed since the last one
    #[arg(long, env = "DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE", global = true, value_name = "PERCENT")]
    pub dynamic_services_rollout_percentage: Option<String>,
    /// Percentage of reads that the other read model is asked as well, for comparison, from stage `shadow` on
    /// [default: 1]
    #[cfg(feature = "migration")]
    #[arg(long, env = "DAYBOOK_SHADOW_SAMPLE", global = true, value_name = "PERCENT")]
    pub shadow_sample: Option<String>,

    /// Limits past which reads go back to the legacy view by themselves: percentages of failed requests and of differing
    /// reads, time of the slowest hundredth, and requests below which nothing is said
    /// [default: errors=1,latency-ms=500,mismatches=0,min-requests=200]
    #[cfg(feature = "migration")]
    #[arg(long, env = "DAYBOOK_GUARDRAILS", global = true, value_name = "LIMITS")]
    pub guardrails: Option<String>,

    /// Seconds after which guardrails judge what was seen, each time anew; the same in all processes [default: 60]
    #[cfg(feature = "migration")]
    #[arg(long, env = "DAYBOOK_GUARD_WINDOW", global = true, value_name = "SECONDS")]
    pub guard_window: Option<String>,

    /// Form of log lines on standard error: `text` or `json` [default: text]
    #[arg(long, env = "DAYBOOK_LOG_FORMAT", global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// What is logged, such as `debug` or `warn,daybook_api=info` [default: info for `serve`, else warn]
    #[arg(long, env = "RUST_LOG", global = true, value_name = "FILTER")]
    pub log_filter: Option<String>,
}
