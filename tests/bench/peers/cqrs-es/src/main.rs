//! cqrs-es on PostgreSQL, with the commands of the benchmark's driver: `load FILE` once, then `rebuild` any number of
//! times. `DATABASE_URL` names the database. A rebuild prints its seconds and the query for its rows as JSON on
//! standard output.
//!
//! It must never measure anything but the rebuild.

mod load;
mod rebuild;
mod reservation;
mod row;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use postgres_es::default_postgress_pool;
use serde_json::json;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL must say which database to use")?;
    let pool = default_postgress_pool(&url).await;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["load", file] => load::load(pool, Path::new(file)).await,
        ["rebuild"] => {
            let seconds = rebuild::rebuild(pool).await?;
            let result = json!({ "seconds": seconds, "rows": rebuild::rows_sql() });
            Ok(writeln!(std::io::stdout(), "{result}")?)
        }
        _ => bail!("usage: load FILE | rebuild"),
    }
}
