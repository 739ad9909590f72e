//! Rows on their way into the files.

use super::parts::plan;
use crate::report::batch::TableRows;
use crate::report::embeddings::ArrayRows;
use crate::report::{ReportCounts, ReportPlan, ReportWriter, RowsInOrder};
use mlip_calculations::Embeddings;
use std::time::{Duration, Instant};

#[test]
fn whoever_waits_for_rows_learns_that_they_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let plan = ReportPlan { embeddings: Embeddings::Graph, ..plan(&["lj"]) };
    let rows = |width: u64| TableRows {
        tables: Vec::new(),
        arrays: vec![ArrayRows { width, bytes: vec![0; 8 * usize::try_from(width).unwrap()] }],
        columns: Vec::new(),
        databases: Vec::new(),
        counts: ReportCounts::default(),
        first_failure: None,
    };
    let mut files = RowsInOrder::start(|| ReportWriter::create(folder.path(), &plan)).unwrap();
    // All rows are taken in before the thread comes to those that do not fit.
    files.take(1, rows(3)).unwrap();
    files.take(0, rows(2)).unwrap();
    let begin = Instant::now();
    let error = loop {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody says it");
        if let Err(error) = files.n_written() {
            break error;
        }
    };
    assert!(error.to_string().contains("embeddings"), "{error}");
    assert!(files.take(2, rows(2)).is_err() && files.finish().is_err());
    let left = std::fs::read_dir(folder.path().join("report")).unwrap().count();
    assert_eq!(left, 0, "files that were begun");
}
