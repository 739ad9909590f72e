//! BFGS with limited memory: the inverse of the second derivatives is applied, never written down.
//!
//! D. C. Liu and J. Nocedal, *Math. Program.* **45**, 503 (1989); the recursion of two loops is J. Nocedal's, *Math.
//! Comput.* **35**, 773 (1980). The first guess of the inverse stays the same at every step, as in ASE.

use super::optimizer::{MAX_STEP, Optimizer, Point, Stuck};
use super::vector::{difference, dot, moved, shortened};
use std::collections::VecDeque;

/// Curvature in all directions to begin with, eV/Å^2.
const FIRST_CURVATURE: f64 = 70.0;
/// Steps that are remembered.
const MEMORY: usize = 100;

/// What one step told.
#[derive(Debug)]
struct Lesson {
    step: Vec<f64>,
    change: Vec<f64>,
    /// One over the scalar product of both.
    weight: f64,
}

/// State of L-BFGS.
#[derive(Debug)]
pub(super) struct LimitedBfgs {
    /// Oldest first.
    lessons: VecDeque<Lesson>,
    /// Where the last step began, and the gradient there.
    last: Option<(Vec<f64>, Vec<f64>)>,
}

impl LimitedBfgs {
    pub(super) fn new() -> Self {
        Self { lessons: VecDeque::new(), last: None }
    }

    /// The gradient times the inverse of the second derivatives.
    fn descent(&self, gradient: &[f64]) -> Vec<f64> {
        let mut rest = gradient.to_vec();
        let mut shares = Vec::with_capacity(self.lessons.len());
        for lesson in self.lessons.iter().rev() {
            let share = lesson.weight * dot(&lesson.step, &rest);
            rest.iter_mut().zip(&lesson.change).for_each(|(rest, change)| *rest -= share * change);
            shares.push(share);
        }
        rest.iter_mut().for_each(|component| *component *= 1.0 / FIRST_CURVATURE);
        for (lesson, share) in self.lessons.iter().zip(shares.into_iter().rev()) {
            let more = share - lesson.weight * dot(&lesson.change, &rest);
            rest.iter_mut().zip(&lesson.step).for_each(|(rest, step)| *rest += more * step);
        }
        rest
    }
}

impl Optimizer for LimitedBfgs {
    fn begin(&mut self, from: &Point) -> Result<Vec<f64>, Stuck> {
        if let Some((x, gradient)) = self.last.take() {
            let (step, change) = (difference(&from.x, &x), difference(&from.gradient, &gradient));
            let weight = 1.0 / dot(&change, &step);
            self.lessons.push_back(Lesson { step, change, weight });
            if self.lessons.len() > MEMORY {
                self.lessons.pop_front();
            }
        }
        let step = shortened(self.descent(&from.gradient), MAX_STEP);
        self.last = Some((from.x.clone(), from.gradient.clone()));
        Ok(moved(&from.x, -1.0, &step))
    }

    fn held_bytes(&self) -> u64 {
        let n = self.last.as_ref().map_or(0, |(x, _)| x.len());
        8 * 2 * (n * (self.lessons.len() + 1)) as u64
    }
}
