//! BFGS for the inverse of the second derivatives, with a line search at each step.
//!
//! J. Nocedal and S. J. Wright, *Numerical Optimization*, Springer 2006, chapter 6.

use super::line_search::{LineSearch, Progress};
use super::optimizer::{Optimizer, Point, Stuck, Verdict};
use super::vector::{difference, dot, longest_row, moved, norm};

/// Values are divided by it, eV/Å^2, so that the unit matrix is a fair guess of the second derivatives.
const SCALE: f64 = 10.0;
/// A direction is made at least this long for each atom, Å (the root of the sum of squares over atoms).
const SHORTEST_DIRECTION: f64 = 1e-5;
/// One over the product of step and change where that product vanishes.
const LARGE_WEIGHT: f64 = 1000.0;

/// A step that is under way, or was the last.
#[derive(Debug)]
struct Step {
    from: Vec<f64>,
    /// Scaled gradient there.
    gradient: Vec<f64>,
    direction: Vec<f64>,
    search: LineSearch,
    end: Option<(f64, bool)>,
}

/// State of BFGS with line searches.
#[derive(Debug)]
pub(super) struct BfgsLineSearch {
    /// Approximate inverse of the second derivatives, `[n, n]`; empty before the first step.
    inverse: Vec<f64>,
    step: Option<Step>,
}

impl BfgsLineSearch {
    pub(super) fn new() -> Self {
        Self { inverse: Vec::new(), step: None }
    }

    /// Learns from the last step, if it led along its direction and the slope became less.
    fn learn(&mut self, last: &Step, x: &[f64], gradient: &[f64]) {
        let Some((at, at_bound)) = last.end else { return };
        let flatter = dot(gradient, &last.direction).abs() - dot(&last.gradient, &last.direction).abs() < 0.0;
        if !(at > 0.0 && flatter) || at_bound {
            return;
        }
        let n = x.len();
        let (step, change) = (difference(x, &last.from), difference(gradient, &last.gradient));
        let weight = 1.0 / dot(&change, &step);
        let weight = if weight.is_infinite() { LARGE_WEIGHT } else { weight };
        // (1 - w s yᵀ) H (1 - w y sᵀ) + w s sᵀ, multiplied out for a symmetric H.
        let along: Vec<f64> = self.inverse.chunks(n).map(|row| dot(row, &change)).collect();
        let both = weight * (1.0 + weight * dot(&change, &along));
        for (i, row) in self.inverse.chunks_mut(n).enumerate() {
            for (j, component) in row.iter_mut().enumerate() {
                *component += both * step[i] * step[j] - weight * (step[i] * along[j] + along[i] * step[j]);
            }
        }
    }
}

impl Optimizer for BfgsLineSearch {
    fn judge(&mut self, tried: &Point) -> Result<Verdict, Stuck> {
        let Some(step) = &mut self.step else { return Ok(Verdict::Accepted) };
        match step.search.take(tried.value / SCALE, dot(&tried.gradient, &step.direction) / SCALE)? {
            Progress::Try(at) => Ok(Verdict::Try(moved(&step.from, at, &step.direction))),
            Progress::Done { at, at_bound } => {
                step.end = Some((at, at_bound));
                Ok(Verdict::Accepted)
            }
        }
    }

    fn begin(&mut self, from: &Point) -> Result<Vec<f64>, Stuck> {
        let n = from.x.len();
        let gradient: Vec<f64> = from.gradient.iter().map(|component| component / SCALE).collect();
        match self.step.take() {
            Some(last) => self.learn(&last, &from.x, &gradient),
            None => {
                self.inverse = vec![0.0; n * n];
                self.inverse.iter_mut().step_by(n + 1).for_each(|component| *component = 1.0);
            }
        }
        let mut direction: Vec<f64> = self.inverse.chunks(n).map(|row| -dot(row, &gradient)).collect();
        let (length, least) = (norm(&direction), SHORTEST_DIRECTION * (n as f64 / 3.0).sqrt());
        if length <= least {
            direction.iter_mut().for_each(|component| *component *= least / length);
        }
        let slope = dot(&gradient, &direction);
        let search = LineSearch::begin(from.value / SCALE, slope, longest_row(&direction))?;
        let next = moved(&from.x, search.tried(), &direction);
        self.step = Some(Step { from: from.x.clone(), gradient, direction, search, end: None });
        Ok(next)
    }

    fn held_bytes(&self) -> u64 {
        let step = self.step.as_ref().map_or(0, |step| 3 * step.from.len());
        8 * (self.inverse.len() + step) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_is_not_shorter_than_digits_allow() {
        for (gradient, expected) in [(1e-9, SHORTEST_DIRECTION * 2f64.sqrt()), (1e-2, 1e-2 / SCALE)] {
            let from = Point { x: vec![0.0; 6], value: 1.0, gradient: vec![0.0, gradient, 0.0, 0.0, 0.0, 0.0] };
            let next = BfgsLineSearch::new().begin(&from).unwrap();
            assert!((next[1] + expected).abs() < 1e-15 * expected.abs().max(1.0), "{next:?}");
        }
    }
}
