//! The machine's side: the fastest hand-written endpoint for this row.
//!
//! It must never do more than a plain lookup: no token, no routing, no position, no join.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, error, web};
use anyhow::Context;
use chrono::{NaiveDate, NaiveDateTime, SecondsFormat};
use daybook_domain::ReservationId;
use daybook_projections::Generation;
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::WORKERS;
use super::load::Target;

const LOOKUP_SQL: &str = r#"
    SELECT id, "patientName", phone, email, "birthDate"::date, gender::text, "treatmentType"::text, "preferredDate",
           "preferredTime", status::text, notes, "adminNotes", "createdAt", "updatedAt", service::text,
           "statusChangedAt", "statusChangedBy", version, minutes
    FROM {schema}.reservations WHERE id = $1"#;

pub(super) struct Server {
    address: SocketAddr,
    stop: ServerHandle,
    running: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(super) fn start(database: Config, serving: Generation) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let sql = LOOKUP_SQL.replace("{schema}", &serving.schema());
        let application = move || {
            let (database, sql) = (database.clone(), sql.clone());
            App::new()
                .data_factory(move || Lookup::prepare(database.clone(), sql.clone()))
                .route("/api/reservations/{id}", web::get().to(reservation))
        };
        let server = HttpServer::new(application).workers(WORKERS).disable_signals().listen(listener)?.run();
        let stop = server.handle();
        Ok(Self { address, stop, running: tokio::spawn(server) })
    }

    pub(super) fn target(&self, ids: &[ReservationId]) -> anyhow::Result<Target> {
        Target::new(self.address, ids.iter().map(|id| format!("/api/reservations/{id}")), "")
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.stop(true).await;
        Ok(self.running.await.context("the task of the bare server")??)
    }
}

/// The connection of one worker, driven on that worker's thread.
struct Lookup {
    client: Client,
    statement: Statement,
}

impl Lookup {
    async fn prepare(database: Config, sql: String) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = database.connect(NoTls).await?;
        actix_web::rt::spawn(connection);
        let statement = client.prepare(&sql).await?;
        Ok(Self { client, statement })
    }
}

async fn reservation(lookup: web::Data<Lookup>, id: web::Path<String>) -> Result<HttpResponse, error::Error> {
    let row =
        lookup.client.query_opt(&lookup.statement, &[&*id]).await.map_err(error::ErrorInternalServerError)?;
    let Some(row) = row else { return Ok(HttpResponse::NotFound().finish()) };
    let body = to_json(&row).map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(body))
}

fn to_json(row: &Row) -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Body { success: true, reservation: Entry::read(row)? })?)
}

#[derive(Serialize)]
struct Body<'a> {
    success: bool,
    reservation: Entry<'a>,
}

/// The fields of the API's response. Those that the row does not have are null.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    id: &'a str,
    patient_name: &'a str,
    phone: &'a str,
    email: Option<&'a str>,
    birth_date: Option<NaiveDate>,
    gender: Option<&'a str>,
    treatment_type: Option<&'a str>,
    service: &'a str,
    service_id: Option<&'a str>,
    service_code: Option<&'a str>,
    service_name: Option<&'a str>,
    preferred_date: NaiveDate,
    preferred_time: &'a str,
    period: Option<&'a str>,
    time_slot_start: Option<&'a str>,
    time_slot_end: Option<&'a str>,
    estimated_duration: i32,
    status: &'a str,
    notes: Option<&'a str>,
    admin_notes: Option<&'a str>,
    created_at: String,
    updated_at: String,
    status_changed_at: String,
    status_changed_by: Option<&'a str>,
    version: i32,
}

impl<'a> Entry<'a> {
    fn read(row: &'a Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            patient_name: row.try_get(1)?,
            phone: row.try_get(2)?,
            email: row.try_get(3)?,
            birth_date: row.try_get(4)?,
            gender: row.try_get(5)?,
            treatment_type: row.try_get(6)?,
            service: row.try_get(14)?,
            service_id: None,
            service_code: None,
            service_name: None,
            preferred_date: row.try_get(7)?,
            preferred_time: row.try_get(8)?,
            period: None,
            time_slot_start: None,
            time_slot_end: None,
            estimated_duration: row.try_get(18)?,
            status: row.try_get(9)?,
            notes: row.try_get(10)?,
            admin_notes: row.try_get(11)?,
            created_at: format_time(row.try_get(12)?),
            updated_at: format_time(row.try_get(13)?),
            status_changed_at: format_time(row.try_get(15)?),
            status_changed_by: row.try_get(16)?,
            version: row.try_get(17)?,
        })
    }
}

fn format_time(utc: NaiveDateTime) -> String {
    utc.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}
