//! How PostgreSQL runs a query: the text of `EXPLAIN ANALYZE`, and the numbers and indexes in it.

use deadpool_postgres::Client;
use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use daybook_projections::ViewError;

#[derive(Debug)]
pub(super) struct QueryPlan {
    pub(super) lines: Vec<String>,
    pub(super) rows: u64,
    pub(super) planning_ms: f64,
    pub(super) execution_ms: f64,
    pub(super) indexes: Vec<String>,
}

/// Runs a query once, so that all times belong to the same run. Index names come from a second, JSON plan without a run, since
/// the text gives them no fixed place.
pub(super) async fn explain(client: &Client, query: &str) -> Result<QueryPlan, ViewError> {
    let lines = simple_query(client, &format!("EXPLAIN (ANALYZE) {query}")).await?;
    let json = simple_query(client, &format!("EXPLAIN (FORMAT JSON) {query}")).await?.concat();
    let plan: Value = serde_json::from_str(&json).map_err(|_| ViewError::Plan)?;
    // The first line is `… (actual time=0.011..0.012 rows=3 loops=1)`, from PostgreSQL 18 on `rows=3.00`.
    let actual = lines.first().and_then(|line| line.split_once("(actual "));
    let rows = actual.and_then(|(_, actual)| number_after(actual, "rows=")).ok_or(ViewError::Plan)?;
    let time = |label| lines.iter().find_map(|line| number_after(line, label)).ok_or(ViewError::Plan);
    let (planning_ms, execution_ms) = (time("Planning Time: ")?, time("Execution Time: ")?);
    Ok(QueryPlan { rows: rows as u64, planning_ms, execution_ms, indexes: indexes(&plan), lines })
}

async fn simple_query(client: &Client, sql: &str) -> Result<Vec<String>, ViewError> {
    let messages = client.simple_query(sql).await?;
    let text = |message: &SimpleQueryMessage| {
        if let SimpleQueryMessage::Row(row) = message { row.get(0).map(str::to_owned) } else { None }
    };
    Ok(messages.iter().filter_map(text).collect())
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let (_, rest) = text.split_once(label)?;
    rest.split([' ', ')']).next()?.parse().ok()
}

/// All index names in a plan, which is a tree.
fn indexes(plan: &Value) -> Vec<String> {
    match plan {
        Value::Array(plans) => plans.iter().flat_map(indexes).collect(),
        Value::Object(node) => {
            let own = node.get("Index Name").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(node.values().flat_map(indexes)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn indexes_are_found_at_every_depth() {
        let plan = json!([{"Plan": {"Node Type": "BitmapAnd", "Plans": [
            {"Node Type": "Bitmap Index Scan", "Index Name": "by_day"},
            {"Node Type": "Bitmap Index Scan", "Index Name": "by_status"}]}}]);
        assert_eq!(indexes(&plan), ["by_day", "by_status"]);
    }

    #[test]
    fn numbers_are_read_with_and_without_decimals() {
        let line = "Seq Scan on reservations  (cost=0.00..9.00 rows=1 width=8) (actual time=0.1..0.2 rows=3.00 loops=1)";
        let (_, actual) = line.split_once("(actual ").unwrap_or_default();
        assert_eq!(number_after(actual, "rows="), Some(3.0));
        assert_eq!(number_after("Execution Time: 0.060 ms", "Execution Time: "), Some(0.06));
        assert_eq!(number_after("(never executed)", "rows="), None);
    }
}
