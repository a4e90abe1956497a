//! The options that every command takes. Each is an environment variable too.
//!
//! They are plain texts here. `Settings::parse` reads them, because its errors name both the option and the variable. The
//! command line wins over the environment, and an empty value counts as unset.

use clap::Args;

use super::secret_files::SecretFiles;

/// The settings as they were written.
#[derive(Args, Default)]
#[command(next_help_heading = "Settings")]
pub struct Options {
    /// Address to listen on; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "DAYBOOK_LISTEN", global = true, hide_short_help = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// Proxies whose `X-Forwarded-For` names the client, as addresses and networks such as 10.0.0.5,192.168.0.0/16; limits on
    /// strangers count by that address. `Forwarded` is not read [default: none]
    #[arg(
        long,
        env = "DAYBOOK_TRUSTED_PROXIES",
        global = true,
        hide_short_help = true,
        value_name = "NETWORKS"
    )]
    pub trusted_proxies: Option<String>,

    /// Origins whose web pages may use the public routes from a browser (CORS), such as `https://booking.example`, separated by
    /// commas; the service then refuses other pages' requests [default: none, and nothing is refused]
    #[arg(
        long,
        env = "DAYBOOK_ALLOWED_ORIGINS",
        global = true,
        hide_short_help = true,
        value_name = "ORIGINS"
    )]
    pub allowed_origins: Option<String>,

    /// How long a request may wait while the service is busy. After that it is refused with 503 and `Retry-After`
    /// [default: 500ms]
    #[arg(
        long,
        env = "DAYBOOK_MAX_QUEUE_WAIT",
        global = true,
        hide_short_help = true,
        value_name = "DURATION"
    )]
    pub max_queue_wait: Option<String>,

    /// How much can be booked without a token: open bookings of a patient, from a network and in all, new bookings of a phone
    /// number, and whether a patient's bookings may overlap; 0 stands for no bound
    /// [default: patient=5,network=30,all=50000,number=20,overlap=no]
    #[arg(
        long,
        env = "DAYBOOK_BOOKING_BOUNDS",
        global = true,
        hide_short_help = true,
        value_name = "BOUNDS"
    )]
    pub booking_bounds: Option<String>,

    /// Folder of the private PostgreSQL and of generated secrets [default: .daybook]
    #[arg(long, env = "DAYBOOK_DATA_DIR", global = true, hide_short_help = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,

    /// PostgreSQL to use, without TLS: over a socket or a trusted network [default: a private one in the data dir]
    #[arg(
        long,
        env = "DATABASE_URL",
        global = true,
        hide_short_help = true,
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,

    /// Store of the event log: `postgres` for the same database, or an EventStoreDB (KurrentDB) such as
    /// esdb://user:password@host:2113 [default: postgres]
    #[arg(
        long,
        env = "EVENT_STORE_URL",
        global = true,
        hide_short_help = true,
        value_name = "URL",
        hide_env_values = true
    )]
    pub event_store_url: Option<String>,

    /// Time zone of the clinic [default: Asia/Seoul]
    #[arg(long, env = "DAYBOOK_TIMEZONE", global = true, hide_short_help = true, value_name = "ZONE")]
    pub timezone: Option<String>,

    /// Region whose phone numbers are written without a calling code, as a country code; set it before the first booking
    /// [default: KR]
    #[arg(long, env = "DAYBOOK_REGION", global = true, hide_short_help = true, value_name = "COUNTRY")]
    pub region: Option<String>,

    /// Key that wraps the keys of patients' details: 64 hexadecimal digits, or base64 of 32 bytes
    /// [default: generated once, kept in the data dir]
    #[arg(
        long,
        env = "DAYBOOK_MASTER_KEY",
        global = true,
        hide_short_help = true,
        value_name = "KEY",
        hide_env_values = true
    )]
    pub master_key: Option<String>,

    /// Secret that signs staff tokens, 32 bytes or more [default: generated once, kept in the data dir]
    #[arg(
        long,
        env = "DAYBOOK_JWT_SECRET",
        global = true,
        hide_short_help = true,
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub jwt_secret: Option<String>,

    /// Secret that signed staff tokens before --jwt-secret; its tokens are still accepted [default: none]
    #[arg(
        long,
        env = "DAYBOOK_JWT_SECRET_PREVIOUS",
        global = true,
        hide_short_help = true,
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub jwt_secret_previous: Option<String>,

    /// Bearer token with which a monitoring system reads /metrics, 32 characters or more [default: none, staff tokens only]
    #[arg(
        long,
        env = "DAYBOOK_METRICS_TOKEN",
        global = true,
        hide_short_help = true,
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub metrics_token: Option<String>,

    #[command(flatten)]
    pub secret_files: SecretFiles,

    /// JSON Web Key Set whose keys also sign staff tokens: a file, or an https URL. Changes take effect without a restart
    /// [default: none]
    #[arg(long, env = "DAYBOOK_JWKS", global = true, hide_short_help = true, value_name = "FILE|URL")]
    pub jwks: Option<String>,

    /// Audience that staff tokens must name [default: none, or `daybook`]
    #[arg(long, env = "DAYBOOK_TOKEN_AUDIENCE", global = true, hide_short_help = true, value_name = "NAME")]
    pub token_audience: Option<String>,

    /// Issuer that staff tokens must name [default: any]
    #[arg(long, env = "DAYBOOK_TOKEN_ISSUER", global = true, hide_short_help = true, value_name = "NAME")]
    pub token_issuer: Option<String>,

    /// Longest time from the issue of a staff token to its expiry; longer ones are refused [default: 366d, for tokens that say
    /// when they were issued]
    #[arg(
        long,
        env = "DAYBOOK_TOKEN_MAX_LIFETIME",
        global = true,
        hide_short_help = true,
        value_name = "DURATION"
    )]
    pub token_max_lifetime: Option<String>,

    /// Soak times: how long each stage of the migration has to last before the next, such as canary-5=24h,stability=14d. Other
    /// stages keep their default
    /// [default: shadow=1h,canary-5=24h,canary-25=48h,canary-50=48h,dynamic=7d,stability=14d]
    #[cfg(feature = "migration")]
    #[arg(long, env = "DAYBOOK_SOAK", global = true, hide_short_help = true, value_name = "STAGE=TIME,…")]
    pub soak: Option<String>,

    /// Switch of the old system: with `true` the dynamic view answers everybody, with `false` the percentage decides. The
    /// service reads it when it starts and follows a change
    #[arg(
        long,
        env = "USE_DYNAMIC_SERVICES",
        global = true,
        hide_short_help = true,
        value_name = "TRUE|FALSE"
    )]
    pub use_dynamic_services: Option<String>,

    /// Percentage of the old system: share of patients who read the dynamic view, 0 to 100. The service reads it when it starts
    /// and follows a change
    #[arg(
        long,
        env = "DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE",
        global = true,
        hide_short_help = true,
        value_name = "PERCENT"
    )]
    pub dynamic_services_rollout_percentage: Option<String>,

    /// Percentage of reads that are also sent to the other view for comparison, from stage `shadow` on [default: 1]
    #[cfg(feature = "migration")]
    #[arg(
        long,
        env = "DAYBOOK_SHADOW_SAMPLE",
        global = true,
        hide_short_help = true,
        value_name = "PERCENT"
    )]
    pub shadow_sample: Option<String>,

    /// Limits at which reads are rolled back to the legacy view automatically: percentage of failed requests, p99 latency,
    /// percentage of mismatches, and the fewest requests that are evaluated
    /// [default: errors=1,latency-ms=500,mismatches=0,min-requests=200]
    #[cfg(feature = "migration")]
    #[arg(long, env = "DAYBOOK_GUARDRAILS", global = true, hide_short_help = true, value_name = "LIMITS")]
    pub guardrails: Option<String>,

    /// Window that guardrails evaluate, in seconds or as a duration such as 2m; the same in all processes [default: 60]
    #[cfg(feature = "migration")]
    #[arg(long, env = "DAYBOOK_GUARD_WINDOW", global = true, hide_short_help = true, value_name = "SECONDS")]
    pub guard_window: Option<String>,

    /// Format of log lines on standard error: `text` or `json` [default: text]
    #[arg(long, env = "DAYBOOK_LOG_FORMAT", global = true, hide_short_help = true, value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// Log filter, such as `debug` or `warn,daybook_api=info` [default: info for `serve`, else warn]
    #[arg(long, env = "RUST_LOG", global = true, hide_short_help = true, value_name = "FILTER")]
    pub log_filter: Option<String>,
}
