//! What PostgreSQL says of how it ran a query, read and written out for people.

use serde::Deserialize;

/// How a query was run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Explained {
    #[serde(rename = "Plan")]
    root: Node,
    #[serde(rename = "Planning Time")]
    pub(super) planning_ms: f64,
    #[serde(rename = "Execution Time")]
    pub(super) execution_ms: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(rename = "Node Type")]
    kind: String,
    #[serde(rename = "Relation Name")]
    relation: Option<String>,
    #[serde(rename = "Index Name")]
    index: Option<String>,
    // A whole number up to PostgreSQL 17, an average over the loops since.
    #[serde(rename = "Actual Rows")]
    rows: f64,
    #[serde(rename = "Actual Total Time")]
    milliseconds: f64,
    #[serde(rename = "Index Cond")]
    index_condition: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    plans: Vec<Node>,
}

impl Explained {
    /// Reads the only element of what `EXPLAIN (ANALYZE, FORMAT JSON)` gives.
    pub(super) fn read(json: &str) -> Option<Self> {
        let [explained]: [Self; 1] = serde_json::from_str(json).ok()?;
        Some(explained)
    }

    /// Rows that came out.
    pub(super) fn rows(&self) -> u64 {
        self.root.rows as u64
    }

    /// The indexes that were used.
    pub(super) fn indexes(&self) -> Vec<String> {
        self.root.walk().into_iter().filter_map(|(_, node)| node.index.clone()).collect()
    }

    /// The plan, a line a step and condition.
    pub(super) fn lines(&self) -> Vec<String> {
        self.root.walk().into_iter().flat_map(|(depth, node)| node.lines(depth)).collect()
    }
}

impl Node {
    /// This step and those below it, each with how deep it stands.
    fn walk(&self) -> Vec<(usize, &Self)> {
        let below = self.plans.iter().flat_map(Self::walk).map(|(depth, node)| (depth + 1, node));
        std::iter::once((0, self)).chain(below).collect()
    }

    fn lines(&self, depth: usize) -> Vec<String> {
        let indent = "  ".repeat(depth);
        let by = self.index.as_ref().map(|index| format!(" using {index}")).unwrap_or_default();
        let on = self.relation.as_ref().map(|relation| format!(" on {relation}")).unwrap_or_default();
        let step = format!("{indent}{}{by}{on} ({} rows, {:.3} ms)", self.kind, self.rows, self.milliseconds);
        let conditions = [("Index Cond", &self.index_condition), ("Filter", &self.filter)];
        let conditions = conditions.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        std::iter::once(step)
            .chain(conditions.map(|(name, text)| format!("{indent}  {name}: {text}")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_plan_is_written_out_with_its_indexes_and_conditions() {
        let json = r#"[{"Plan": {"Node Type": "Bitmap Heap Scan", "Relation Name": "reservations", "Alias": "reservations",
            "Actual Startup Time": 0.02, "Actual Total Time": 0.04, "Actual Rows": 3, "Actual Loops": 1,
            "Recheck Cond": "x", "Filter": "(status = 'CONFIRMED')", "Plans": [
              {"Node Type": "Bitmap Index Scan", "Index Name": "by_day", "Actual Total Time": 0.011, "Actual Rows": 4.00,
               "Index Cond": "(\"preferredDate\" = '2026-12-01'::date)"}]},
            "Planning Time": 0.2, "Triggers": [], "Execution Time": 0.06}]"#;
        let explained = Explained::read(json).unwrap();
        assert_eq!((explained.rows(), explained.indexes()), (3, vec!["by_day".to_owned()]));
        assert_eq!((explained.planning_ms, explained.execution_ms), (0.2, 0.06));
        let lines = [
            "Bitmap Heap Scan on reservations (3 rows, 0.040 ms)",
            "  Filter: (status = 'CONFIRMED')",
            "  Bitmap Index Scan using by_day (4 rows, 0.011 ms)",
            r#"    Index Cond: ("preferredDate" = '2026-12-01'::date)"#,
        ];
        assert_eq!(explained.lines(), lines);
    }
}
