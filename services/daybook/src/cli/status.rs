//! `daybook status`: the service, the routing of reads, the views with their lag and leader, and how to connect to the database.

mod report;

use std::net::SocketAddr;

use chrono::Utc;
use clap::Args;
use daybook_projections::store::runbook_schema;
use daybook_projections::{GenerationState, GenerationStatus, Views, generation, leader, parked};

use crate::cli::reads::Reads;
use crate::exit::Exit;
use crate::output::Format;
use crate::row_counts::RowCounts;
use crate::service_address;
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};
use report::{KeepingUp, Listening, Report, View};

/// Most blocked reservations and streams in the report.
const MAX_PARKED_GROUPS: usize = 20;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let report =
        with_backend(settings, IfMissing::Refused, async |backend| read(settings, backend).await).await?;
    arguments.format.print(&report, || report.describe(settings.zone))?;
    Ok(Exit::Done)
}

async fn read(settings: &Settings, backend: &Backend) -> anyhow::Result<Report> {
    let mut views = Vec::new();
    let routing = backend.commands.routing();
    let serving = Views::open(backend.pool.clone(), backend.config.clone()).await?;
    for status in generation::list(&backend.pool.get().await?).await? {
        views.push(read_view(backend, &serving, status).await?);
    }
    let mut parked_events = parked::list(&backend.pool.get().await?).await?;
    parked_events.retain(|group| group.state == GenerationState::Live);
    parked_events.truncate(MAX_PARKED_GROUPS);
    // A log that compares the streams on append accepts no late booking.
    let late_bookings = match backend.log.checks_other_streams() {
        true => Vec::new(),
        false => backend.commands.late_bookings().await?,
    };
    let is_runbook_there = runbook_schema::exists(&backend.pool.get().await?).await?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        service: find_service(settings.listen, service_address::announced(&settings.data_dir)).await,
        reads: Reads::from(&*routing),
        stage: routing.stage,
        flags: routing.flags.into(),
        log: backend.log.connection().adapter,
        head: backend.log.head().await?,
        leader: leader::current(&backend.pool.get().await?).await?,
        views,
        parked_events,
        late_bookings,
        is_private: backend.is_private(),
        connect: backend.connect_hint().to_owned(),
        connect_runbook: is_runbook_there.then(|| backend.runbook_hint().to_owned()),
    })
}

async fn read_view(backend: &Backend, serving: &Views, status: GenerationStatus) -> anyhow::Result<View> {
    let lag = match status.state {
        GenerationState::Live => Some(serving.lag(status.generation.model, &*backend.log, Utc::now()).await?),
        GenerationState::Building
        | GenerationState::Kept
        | GenerationState::Past
        | GenerationState::Failed => None,
    };
    let counts = RowCounts::read(&backend.pool.get().await?, status.generation).await?;
    let keeping_up = lag.map(KeepingUp::from);
    Ok(View { status, keeping_up, counts })
}

/// The address at which a service answers: the one that the last service of this data dir announced, or the configured one.
async fn find_service(configured: SocketAddr, announced: Option<SocketAddr>) -> Listening {
    for address in announced.into_iter().chain([configured]) {
        if service_address::answers(address).await {
            return Listening { address, answers: true, checks: service_address::checks(address).await };
        }
    }
    Listening { address: configured, answers: false, checks: None }
}
