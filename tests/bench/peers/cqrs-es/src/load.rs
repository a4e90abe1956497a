//! Loads the events of a file into the table of postgres-es, through its own repository.
//!
//! It must never change their order.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use cqrs_es::persist::{PersistedEventRepository, SerializedEvent};
use cqrs_es::{Aggregate, DomainEvent};
use postgres_es::PostgresEventRepository;
use serde_json::{Map, Value, json};
use sqlx::{Pool, Postgres};

use crate::reservation::{Reservation, ReservationEvent};

/// Events of one transaction.
const CHUNK_EVENTS: usize = 1000;

/// Creates the tables and loads the events, one JSON object per line.
pub(crate) async fn load(pool: Pool<Postgres>, file: &Path) -> anyhow::Result<()> {
    sqlx::raw_sql(include_str!("../tables.sql")).execute(&pool).await?;
    let repository = PostgresEventRepository::new(pool);
    let mut sequences: HashMap<String, usize> = HashMap::new();
    let mut chunk = Vec::with_capacity(CHUNK_EVENTS);
    let lines = BufReader::new(File::open(file).with_context(|| file.display().to_string())?).lines();
    for line in lines {
        chunk.push(event(&line?, &mut sequences)?);
        if chunk.len() == CHUNK_EVENTS {
            repository.persist::<Reservation>(&chunk, None).await?;
            chunk.clear();
        }
    }
    Ok(repository.persist::<Reservation>(&chunk, None).await?)
}

/// An event as cqrs-es stores it. Its sequence is the next one of its reservation.
fn event(line: &str, sequences: &mut HashMap<String, usize>) -> anyhow::Result<SerializedEvent> {
    let mut fields: Map<String, Value> = serde_json::from_str(line)?;
    let kind = text(&mut fields, "type")?;
    let reservation = text(&mut fields, "reservation")?;
    let event: ReservationEvent = serde_json::from_value(json!({ kind: fields }))?;
    let sequence = sequences.entry(reservation.clone()).or_default();
    *sequence += 1;
    Ok(SerializedEvent {
        aggregate_id: reservation,
        sequence: *sequence,
        aggregate_type: Reservation::TYPE.to_owned(),
        event_type: event.event_type(),
        event_version: event.event_version(),
        payload: serde_json::to_value(&event)?,
        metadata: json!({}),
    })
}

fn text(fields: &mut Map<String, Value>, name: &str) -> anyhow::Result<String> {
    let value = fields.remove(name).with_context(|| format!("an event without `{name}`"))?;
    value.as_str().map(str::to_owned).with_context(|| format!("`{name}` is no text"))
}
