//! `relaxation.svg`: how many relaxations have converged after how many steps, as the table has them.

use super::plot::{Layout, Marks, Panel, Points, svg};
use super::relaxation;
use super::table::TableReader;
use crate::StoreError;
use std::collections::BTreeMap;
use std::path::Path;

const LAYOUT: Layout = Layout {
    columns: 1,
    panel: (620.0, 380.0),
    axes: ["steps", "converged, % of relaxations"],
    marks: Marks::Line,
    empty: "no structure was relaxed",
};

/// Relaxations of one potential.
#[derive(Default)]
struct Counts {
    relaxations: u64,
    /// Those that converged, by their steps.
    converged: BTreeMap<u32, u64>,
    most_steps: u32,
}

/// Draws the table at this path.
///
/// # Errors
/// When the table cannot be read back.
pub(super) fn draw(table: &Path, labels: &[&str]) -> Result<String, StoreError> {
    let columns = relaxation::columns(false);
    let place = |name: &str| columns.iter().position(|column| column == name).unwrap_or(usize::MAX);
    let [label, converged, steps] = ["potential", "converged", "steps"].map(place);
    let mut counts: BTreeMap<usize, Counts> = BTreeMap::new();
    for row in TableReader::open(table)?.rows() {
        let row = row?;
        // A structure without a result has neither.
        let (Some(label), Some(Ok(steps))) = (row.get(label), row.get(steps).map(str::parse::<u32>)) else { continue };
        let potential = labels.iter().position(|known| *known == label).unwrap_or(labels.len());
        let counts = counts.entry(potential).or_default();
        counts.relaxations += 1;
        counts.most_steps = counts.most_steps.max(steps);
        if row.get(converged) == Some("true") {
            *counts.converged.entry(steps).or_default() += 1;
        }
    }
    Ok(svg(&LAYOUT, &panels(&counts), labels))
}

fn panels(counts: &BTreeMap<usize, Counts>) -> Vec<Panel> {
    if counts.is_empty() {
        return Vec::new();
    }
    let most_steps = counts.values().map(|counts| counts.most_steps).max().unwrap_or_default();
    let curves = counts.iter().map(|(potential, counts)| (*potential, curve(counts, most_steps))).collect();
    vec![Panel { title: "converged relaxations".into(), curves, ..Panel::default() }]
}

/// Stairs from no step to `most_steps`, that of the potential that took most.
fn curve(counts: &Counts, most_steps: u32) -> Points {
    let part = |n: u64| 100.0 * n as f64 / counts.relaxations as f64;
    let (mut points, mut n) = (vec![(0.0, 0.0)], 0);
    for (steps, more) in &counts.converged {
        points.push((f64::from(*steps), part(n)));
        n += more;
        points.push((f64::from(*steps), part(n)));
    }
    points.push((f64::from(most_steps), part(n)));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_with_each_relaxation_that_converges_and_stays_below_the_others() {
        let counts = Counts { relaxations: 4, converged: BTreeMap::from([(0, 1), (7, 2)]), most_steps: 9 };
        let expected = [(0.0, 0.0), (0.0, 0.0), (0.0, 25.0), (7.0, 25.0), (7.0, 75.0), (9.0, 75.0)];
        assert_eq!(curve(&counts, 9), expected);
        let text = svg(&LAYOUT, &panels(&BTreeMap::from([(0, counts)])), &["mine"]);
        assert!(text.contains(">60<") && text.contains(">5<") && !text.contains("NaN"), "{text}");
    }

    #[test]
    fn a_run_without_relaxations_says_so() {
        assert!(svg(&LAYOUT, &panels(&BTreeMap::new()), &["mine"]).contains("no structure was relaxed"));
    }
}
