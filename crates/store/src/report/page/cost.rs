//! What the results cost: time and memory, by rank.

use super::super::plot::{Layout, Marks, Panel, Points, svg};
use super::columns::{Table, number, text};
use crate::StoreError;
use std::collections::BTreeMap;

/// Ranks with rows of their own, at most.
pub(super) const MOST_RANKS: usize = 64;

/// Evaluations that are named for the time they took.
const SLOWEST: usize = 8;

/// A rank of an attempt.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RankCost {
    pub(super) attempt: u64,
    pub(super) rank: u64,
    pub(super) host: String,
    /// Records that it made, and the seconds that these took.
    pub(super) n: u64,
    pub(super) wall_s: f64,
    /// Largest resident set, bytes; `None` without a sample.
    pub(super) peak_bytes: Option<f64>,
    /// Weights, bytes.
    pub(super) weight_bytes: Option<f64>,
}

/// An evaluation, or all those of a structure in a relaxation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slow {
    pub(super) id: String,
    pub(super) potential: String,
    pub(super) n_atoms: String,
    pub(super) wall_s: f64,
}

/// What a run cost.
pub(super) struct Cost {
    /// By attempt and rank.
    pub(super) ranks: Vec<RankCost>,
    pub(super) slowest: Vec<Slow>,
    /// By potential: records and seconds.
    pub(super) potentials: BTreeMap<String, (u64, f64)>,
    pub(super) svg: String,
}

/// From `timings.csv` and `memory.csv`.
pub(super) fn cost(timings: Option<&Table>, memory: Option<&Table>) -> Result<Cost, StoreError> {
    let mut ranks: BTreeMap<(u64, u64), RankCost> = BTreeMap::new();
    let mut slowest: Vec<Slow> = Vec::new();
    let mut potentials: BTreeMap<String, (u64, f64)> = BTreeMap::new();
    let of = |text: &str| text.parse::<u64>().unwrap_or(0);
    let columns = ["attempt", "rank", "host", "structure_id", "potential", "n_atoms", "wall_s"];
    if let Some(timings) = timings {
        timings.visit(columns, |_, record, [attempt, rank, host, id, potential, n_atoms, wall]| {
            let Some(wall_s) = number(record, wall) else { return };
            let (attempt, rank) = (of(text(record, attempt)), of(text(record, rank)));
            let cost = ranks.entry((attempt, rank)).or_insert_with(|| RankCost {
                attempt,
                rank,
                host: text(record, host).to_owned(),
                ..RankCost::default()
            });
            cost.n += 1;
            cost.wall_s += wall_s;
            let sums = potentials.entry(text(record, potential).to_owned()).or_default();
            *sums = (sums.0 + 1, sums.1 + wall_s);
            if slowest.len() < SLOWEST || slowest.last().is_some_and(|last| wall_s > last.wall_s) {
                let of = |column: usize| text(record, column).to_owned();
                slowest.push(Slow { id: of(id), potential: of(potential), n_atoms: of(n_atoms), wall_s });
                slowest.sort_by(|a, b| b.wall_s.total_cmp(&a.wall_s));
                slowest.truncate(SLOWEST);
            }
        })?;
    }
    if let Some(memory) = memory {
        let columns = ["attempt", "rank", "host", "peak_bytes", "weight_bytes"];
        memory.visit(columns, |_, record, [attempt, rank, host, peak, weights]| {
            let (attempt, rank) = (of(text(record, attempt)), of(text(record, rank)));
            let cost = ranks.entry((attempt, rank)).or_insert_with(|| RankCost {
                attempt,
                rank,
                host: text(record, host).to_owned(),
                ..RankCost::default()
            });
            let larger = |old: Option<f64>, new: Option<f64>| match (old, new) {
                (Some(old), Some(new)) => Some(old.max(new)),
                (old, new) => old.or(new),
            };
            cost.peak_bytes = larger(cost.peak_bytes, number(record, peak));
            cost.weight_bytes = larger(cost.weight_bytes, number(record, weights));
        })?;
    }
    let ranks: Vec<RankCost> = ranks.into_values().collect();
    let svg = draw(&ranks);
    Ok(Cost { ranks, slowest, potentials, svg })
}

/// Busy time and memory of the ranks, each sorted: what differs among them is a slope.
fn draw(ranks: &[RankCost]) -> String {
    let sorted = |mut values: Vec<f64>| -> Points {
        values.sort_by(|a, b| b.total_cmp(a));
        // Of thousands of ranks a thousand points show the curve.
        let step = values.len().div_ceil(1000).max(1);
        values.into_iter().enumerate().step_by(step).map(|(place, value)| (place as f64 + 1.0, value)).collect()
    };
    let busy = sorted(ranks.iter().map(|rank| rank.wall_s).collect());
    let peak = sorted(ranks.iter().filter_map(|rank| Some(rank.peak_bytes? / 1e6)).collect());
    let panel =
        |title: &str, points: Points| Panel { title: title.into(), curves: [(0, points)].into(), ..Panel::default() };
    let panels = [panel("seconds in evaluations, all attempts", busy), panel("largest resident memory, MB", peak)];
    let axes = ["ranks, the largest first", ""];
    let layout = Layout { columns: 2, panel: (340.0, 260.0), axes, marks: Marks::Both, empty: "" };
    svg(&layout, &panels, &[])
}
