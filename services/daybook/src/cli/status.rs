//! `daybook status`: which view serves what, how far each is, who keeps them up, whether a service runs, and how to look into the database.

mod report;

use std::net::SocketAddr;

use chrono::Utc;
use clap::Args;
use daybook_projections::{GenerationState, GenerationStatus, Views, generation, leader, runbook_schema};

use crate::cli::reads::Reads;
use crate::exit::Exit;
use crate::listening;
use crate::output::Format;
use crate::settings::Settings;
use crate::view_counts;
use crate::wiring::{Backend, IfMissing};
use report::{KeepingUp, Listening, Report, View};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let report = look(settings, &backend).await;
    backend.close().await?;
    let report = report?;
    arguments.format.print(&report, || report.describe())?;
    Ok(Exit::Done)
}

async fn look(settings: &Settings, backend: &Backend) -> anyhow::Result<Report> {
    let mut views = Vec::new();
    let routing = backend.commands.routing();
    let serving = Views::open(backend.pool.clone(), backend.config.clone()).await?;
    for standing in generation::list(&backend.pool.get().await?).await? {
        views.push(look_at(backend, &serving, standing).await?);
    }
    let is_runbook_there = runbook_schema::exists(&backend.pool.get().await?).await?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        service: find_service(settings.listen, listening::announced(&settings.data_dir)).await,
        reads: Reads::from(&*routing),
        stage: routing.stage,
        flags: routing.flags.into(),
        log: backend.log.connection().adapter,
        head: backend.log.head().await?,
        leader: leader::current(&backend.pool.get().await?).await?,
        views,
        connect: backend.connect_hint().to_owned(),
        connect_runbook: is_runbook_there.then(|| backend.runbook_hint().to_owned()),
    })
}

async fn look_at(backend: &Backend, serving: &Views, standing: GenerationStatus) -> anyhow::Result<View> {
    let lag = match standing.state {
        GenerationState::Live => {
            Some(serving.lag(standing.generation.model, &*backend.log, Utc::now()).await?)
        }
        GenerationState::Building
        | GenerationState::Kept
        | GenerationState::Past
        | GenerationState::Failed => None,
    };
    let counts = view_counts::count(&backend.pool.get().await?, standing.generation).await?;
    let keeping_up = lag.map(KeepingUp::from);
    Ok(View { standing, keeping_up, counts })
}

/// Where a service answers: where the last one of this data dir said it listens, else where one would.
async fn find_service(configured: SocketAddr, announced: Option<SocketAddr>) -> Listening {
    for address in announced.into_iter().chain([configured]) {
        if listening::answers(address).await {
            return Listening { address, answers: true, checks: listening::checks(address).await };
        }
    }
    Listening { address: configured, answers: false, checks: None }
}
