//! What a run will take, from a sample of its structures that is computed now.
//!
//! Structures are drawn in proportion to the square roots of their predicted costs, at even distances along the list sorted
//! by cost, the same ones each time: where what is measured scatters in proportion to its prediction, no other sample of the
//! same duration tells more. A total over all structures is the sum of predictions times what was measured per prediction,
//! both weighted by how seldom such structures are drawn (a ratio estimator: W. G. Cochran, *Sampling Techniques* (1977),
//! chapters 5 and 6). Predictions that are right in proportion make it exact; the spread over the draws is its error.

use crate::estimate::Estimate;
use crate::run::Engine;
use crate::sample::{Measured, SampleError, Sampling, Task, compute};
use mlip_inputs::Manifest;
use std::collections::BTreeMap;
use std::time::Instant;

/// A total and its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Total {
    /// Expected.
    pub mean: f64,
    /// Of the mean.
    pub error: f64,
}

/// What a potential will take for all structures.
#[derive(Debug, Clone, PartialEq)]
pub struct PotentialForecast {
    /// Its place among the potentials.
    pub potential: usize,
    /// Structures of the sample on which it failed.
    pub n_failed: usize,
    /// Evaluations of a structure of the sample: least, mean, most.
    pub evaluations: [f64; 3],
    /// Time on one core, seconds.
    pub core_s: Total,
}

/// What a run will take.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Structures that were computed.
    pub n_structures: usize,
    /// How long that took, seconds.
    pub elapsed_s: f64,
    /// Of the potentials that are computed on cores.
    pub potentials: Vec<PotentialForecast>,
    /// Time of all of them, seconds on one core.
    pub core_s: Total,
    /// All journals together, bytes.
    pub journal_bytes: Total,
}

/// Computes a sample of the structures of an estimate.
///
/// # Errors
/// See [`SampleError`].
pub fn forecast(
    manifest: &Manifest,
    engine: &Engine,
    estimate: &Estimate,
    sampling: Sampling<'_>,
) -> Result<Forecast, SampleError> {
    let on_cores: Vec<usize> =
        (0..engine.potentials.len()).filter(|position| engine.potentials[*position].device().is_none()).collect();
    let costs: Vec<(usize, f64)> = estimate
        .distinct_costs
        .iter()
        .map(|(position, costs)| (*position, on_cores.iter().map(|potential| costs[*potential]).sum()))
        .collect();
    let draws = draw(costs, sampling.draws);
    if draws.is_empty() || on_cores.is_empty() {
        return Err(SampleError::Nothing);
    }
    let begin = Instant::now();
    // Costly ones first: the last to end is then a cheap one.
    let mut order: Vec<(usize, f64)> = draws.chosen.iter().map(|(position, chosen)| (*position, chosen.cost)).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let order: Vec<usize> = order.into_iter().map(|(position, _)| position).collect();
    let measured = compute(manifest, engine, &on_cores, &order, sampling)?;
    let per_draw = |value: &dyn Fn(&Measured) -> f64| {
        let drawn = draws.chosen.iter().flat_map(|(position, chosen)| {
            let root = chosen.cost.sqrt();
            let weighted = measured.get(position).map_or(0.0, value) / root;
            std::iter::repeat_n((weighted, root), chosen.times)
        });
        total(&drawn.collect::<Vec<_>>(), draws.sum)
    };
    let of_potential = |(place, potential): (usize, &usize)| {
        let tasks: Vec<&Task> = measured.values().filter_map(|one| one.tasks.get(place)).collect();
        let evaluations = || tasks.iter().map(|task| f64::from(task.evaluations));
        PotentialForecast {
            potential: *potential,
            n_failed: tasks.iter().filter(|task| task.failed).count(),
            evaluations: [
                evaluations().fold(f64::INFINITY, f64::min),
                evaluations().sum::<f64>() / tasks.len() as f64,
                evaluations().fold(0.0, f64::max),
            ],
            core_s: per_draw(&|one: &Measured| one.tasks.get(place).map_or(0.0, |task| task.seconds)),
        }
    };
    Ok(Forecast {
        n_structures: measured.len(),
        potentials: on_cores.iter().enumerate().map(of_potential).collect(),
        core_s: per_draw(&|one: &Measured| one.tasks.iter().map(|task| task.seconds).sum()),
        journal_bytes: per_draw(&|one: &Measured| one.journal_bytes as f64),
        elapsed_s: begin.elapsed().as_secs_f64(),
    })
}

/// A structure of the sample.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Chosen {
    /// Predicted.
    cost: f64,
    /// How often it was drawn.
    times: usize,
}

/// A sample, by position in the list, and the sum of all predictions.
#[derive(Debug, Default)]
struct Draws {
    chosen: BTreeMap<usize, Chosen>,
    sum: f64,
}

impl Draws {
    fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }
}

/// Draws this many times in proportion to roots of costs, at even distances along the costs in their order.
fn draw(mut costs: Vec<(usize, f64)>, draws: usize) -> Draws {
    costs.retain(|(_, cost)| *cost > 0.0 && cost.is_finite());
    costs.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let sum = costs.iter().map(|(_, cost)| cost).sum();
    let step = costs.iter().map(|(_, cost)| cost.sqrt()).sum::<f64>() / draws as f64;
    let (mut chosen, mut end, mut next) = (BTreeMap::new(), 0.0, 0.5 * step);
    for (position, cost) in costs {
        end += cost.sqrt();
        while next < end {
            chosen.entry(position).or_insert(Chosen { cost, times: 0 }).times += 1;
            next += step;
        }
    }
    Draws { chosen, sum }
}

/// From what was measured and what was predicted, of each draw and both weighted, and the sum of all predictions.
fn total(draws: &[(f64, f64)], sum: f64) -> Total {
    let n = draws.len() as f64;
    let predicted: f64 = draws.iter().map(|(_, predicted)| predicted).sum();
    let ratio = draws.iter().map(|(measured, _)| measured).sum::<f64>() / predicted;
    let squares: f64 = draws.iter().map(|(measured, predicted)| (measured - ratio * predicted).powi(2)).sum();
    // Of a single draw nothing is known of the spread.
    let error = if draws.len() > 1 { (n * squares / (n - 1.0)).sqrt() / predicted } else { ratio };
    Total { mean: sum * ratio, error: sum * error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_in_proportion_to_roots_of_costs() {
        let costs: Vec<(usize, f64)> = (0..100).map(|k| (k, if k == 7 { 99.0 * 99.0 } else { 1.0 })).collect();
        let draws = draw(costs.clone(), 20);
        assert_eq!(draws.sum, 99.0 + 99.0 * 99.0);
        assert_eq!(draws.chosen.values().map(|chosen| chosen.times).sum::<usize>(), 20);
        assert_eq!((draws.chosen[&7], draws.chosen.len()), (Chosen { cost: 99.0 * 99.0, times: 10 }, 11));
        let all = draw(costs, 1980);
        assert_eq!((all.chosen.len(), all.chosen[&3].times, all.chosen[&7].times), (100, 10, 990));
        assert!(draw(vec![(0, 0.0), (1, f64::NAN)], 5).is_empty());
    }

    #[test]
    fn what_is_in_proportion_to_predictions_has_no_error() {
        let Total { mean, error } = total(&[(0.5, 1.0), (1.0, 2.0), (2.0, 4.0)], 30.0);
        assert_eq!((mean, error), (15.0, 0.0));
        // Two strata of one structure each, drawn as often: 0.4 and 0.6 a second of prediction.
        let Total { mean, error } = total(&[(0.4, 1.0), (0.6, 1.0), (0.4, 1.0), (0.6, 1.0)], 10.0);
        assert!((mean - 5.0).abs() < 1e-12 && (error - 10.0 * (0.04_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
    }
}
