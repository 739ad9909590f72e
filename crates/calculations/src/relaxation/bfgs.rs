//! BFGS with steps of limited length: the second derivatives are learned from the gradients.
//!
//! J. Nocedal and S. J. Wright, *Numerical Optimization*, Springer 2006, chapter 6; negative curvatures count by their
//! absolute value, so that a step goes down along them too.

use super::optimizer::{MAX_STEP, Optimizer, Point, Stuck};
use super::symmetric::solve_absolute;
use super::vector::{difference, dot, moved, shortened};

/// Curvature in all directions to begin with, eV/Å^2.
const FIRST_CURVATURE: f64 = 70.0;
/// A move whose largest component is shorter tells nothing of curvatures, Å.
const SHORTEST_MOVE: f64 = 1e-7;

/// State of BFGS.
#[derive(Debug)]
pub(super) struct Bfgs {
    /// Approximate second derivatives, `[n, n]`, exactly symmetric; empty before the first step.
    hessian: Vec<f64>,
    /// Where the last step began, and the gradient there.
    last: Option<(Vec<f64>, Vec<f64>)>,
}

impl Bfgs {
    pub(super) fn new() -> Self {
        Self { hessian: Vec::new(), last: None }
    }

    /// Learns from the gradient at two points.
    fn learn(&mut self, step: &[f64], change: &[f64]) {
        if step.iter().all(|component| component.abs() < SHORTEST_MOVE) {
            return;
        }
        let n = step.len();
        let expected: Vec<f64> = self.hessian.chunks(n).map(|row| dot(row, step)).collect();
        let (found, known) = (dot(step, change), dot(step, &expected));
        for (i, row) in self.hessian.chunks_mut(n).enumerate() {
            for (j, component) in row.iter_mut().enumerate() {
                *component += change[i] * change[j] / found - expected[i] * expected[j] / known;
            }
        }
    }
}

impl Optimizer for Bfgs {
    fn begin(&mut self, from: &Point) -> Result<Vec<f64>, Stuck> {
        match self.last.take() {
            Some((x, gradient)) => self.learn(&difference(&from.x, &x), &difference(&from.gradient, &gradient)),
            None => {
                let n = from.x.len();
                self.hessian = vec![0.0; n * n];
                self.hessian.iter_mut().step_by(n + 1).for_each(|component| *component = FIRST_CURVATURE);
            }
        }
        let step = solve_absolute(&self.hessian, &from.gradient).ok_or(Stuck::Singular)?;
        self.last = Some((from.x.clone(), from.gradient.clone()));
        Ok(moved(&from.x, -1.0, &shortened(step, MAX_STEP)))
    }

    fn held_bytes(&self) -> u64 {
        let last = self.last.as_ref().map_or(0, |(x, gradient)| x.len() + gradient.len());
        8 * (self.hessian.len() + last) as u64
    }
}
