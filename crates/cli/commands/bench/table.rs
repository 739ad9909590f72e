//! What was measured, as a table for people and as CSV.

use super::measure::Taken;
use super::split::Split;
use std::fmt::Write;

/// A division of threads and what its runs took.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) split: Split,
    /// One a repetition.
    pub(super) taken: Vec<Taken>,
    /// Table in which the results differ from those of the sequential run.
    pub(super) difference: Option<&'static str>,
}

impl Row {
    /// Median wall time, seconds.
    pub(super) fn wall_s(&self) -> f64 {
        median(self.taken.iter().map(|taken| taken.wall_s))
    }

    fn structures(&self) -> f64 {
        self.taken.first().map_or(0.0, |taken| taken.structures as f64)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}

/// For people; columns are aligned.
pub(super) fn table(rows: &[Row]) -> String {
    let base = rows.first().map_or(f64::NAN, Row::wall_s);
    let mut text = format!(
        "{:<10} {:>7} {:>9} {:>13} {:>8} {:>10} {:>9} {:>9}  {}\n",
        "split", "threads", "wall s", "structures/s", "speed-up", "efficiency", "peak MB", "sum MB", "results"
    );
    for row in rows {
        let (wall_s, threads) = (row.wall_s(), row.split.total());
        let peak = |of: fn(&Taken) -> u64| row.taken.iter().map(of).max().unwrap_or(0) as f64 / 1e6;
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{:<10} {:>7} {:>9.2} {:>13.2} {:>8.2} {:>9.0}% {:>9.0} {:>9.0}  {}",
            row.split.to_string(),
            threads,
            wall_s,
            row.structures() / wall_s,
            base / wall_s,
            100.0 * base / wall_s / threads as f64,
            peak(|taken| taken.peak_bytes),
            peak(|taken| taken.peak_sum_bytes),
            row.difference.map_or_else(|| "identical".to_owned(), |table| format!("DIFFER in {table}")),
        );
    }
    text
}

/// For programs: a row for each run.
pub(super) fn csv(rows: &[Row]) -> String {
    let base = rows.first().map_or(f64::NAN, Row::wall_s);
    let mut text = "split,ranks,structure_workers,mlip_workers,threads_per_mlip,threads,repetition,wall_s,computing_s,\
                    structures,evaluations,structures_per_s,speedup,efficiency,peak_rank_bytes,peak_sum_bytes,results\n"
        .to_owned();
    for row in rows {
        let Split { ranks, structures, mlips, threads } = row.split;
        for (repetition, taken) in row.taken.iter().enumerate() {
            let speedup = base / taken.wall_s;
            let _ = writeln!(
                text,
                "{},{ranks},{structures},{mlips},{threads},{},{},{:.4},{:.4},{},{},{:.3},{:.4},{:.4},{},{},{}",
                row.split,
                row.split.total(),
                repetition + 1,
                taken.wall_s,
                taken.computing_s,
                taken.structures,
                taken.evaluations,
                taken.structures as f64 / taken.wall_s,
                speedup,
                speedup / row.split.total() as f64,
                taken.peak_bytes,
                taken.peak_sum_bytes,
                row.difference.map_or_else(|| "identical".to_owned(), |table| format!("differ in {table}")),
            );
        }
    }
    text
}

#[cfg(test)]
pub(super) fn samples() -> Vec<Row> {
    let taken = |wall_s: f64| Taken {
        wall_s,
        computing_s: wall_s - 0.1,
        peak_bytes: 100_000_000,
        peak_sum_bytes: 200_000_000,
        structures: 100,
        evaluations: 300,
    };
    let split = |text| Split::parse(text).unwrap_or(Split::SEQUENTIAL);
    vec![
        Row { split: split("1"), taken: vec![taken(9.0), taken(8.0), taken(12.0)], difference: None },
        Row { split: split("2"), taken: vec![taken(4.0), taken(5.0)], difference: Some("forces.csv") },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_and_differences_are_shown() {
        let text = table(&samples());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "1x1x1            1      9.00         11.11     1.00       100%       100       200  identical"
        );
        assert_eq!(
            lines[2],
            "2x1x1            2      4.50         22.22     2.00       100%       100       200  DIFFER in forces.csv"
        );
        let text = csv(&samples());
        assert_eq!(text.lines().count(), 6);
        let columns = text.lines().next().map_or(0, |line| line.split(',').count());
        assert!(text.lines().all(|line| line.split(',').count() == columns));
    }
}
