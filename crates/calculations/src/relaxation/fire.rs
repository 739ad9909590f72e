//! FIRE: molecular dynamics with friction that only goes downhill.
//!
//! E. Bitzek, P. Koskinen, F. Gähler, M. Moseler and P. Gumbsch, *Phys. Rev. Lett.* **97**, 170201 (2006). All masses are
//! one. Constants are those of the paper and ASE's time steps.

use super::optimizer::{MAX_STEP, Optimizer, Point, Stuck};
use super::vector::{dot, moved, norm};

const FIRST_TIME_STEP: f64 = 0.1;
const LONGEST_TIME_STEP: f64 = 1.0;
/// Steps downhill before the time step grows.
const PATIENCE: u32 = 5;
const GROWTH: f64 = 1.1;
const SHRINKAGE: f64 = 0.5;
const FIRST_MIXING: f64 = 0.1;
const MIXING_DECAY: f64 = 0.99;

/// State of FIRE.
#[derive(Debug)]
pub(super) struct Fire {
    /// None before the first step.
    velocity: Option<Vec<f64>>,
    time_step: f64,
    mixing: f64,
    steps_downhill: u32,
}

impl Fire {
    pub(super) fn new() -> Self {
        Self { velocity: None, time_step: FIRST_TIME_STEP, mixing: FIRST_MIXING, steps_downhill: 0 }
    }

    /// Turns the velocity towards the force while it goes downhill, and stops it where it does not.
    fn steer(&mut self, mut velocity: Vec<f64>, force: &[f64]) -> Vec<f64> {
        if dot(force, &velocity) > 0.0 {
            let along = self.mixing * norm(&velocity) / norm(force);
            let kept = 1.0 - self.mixing;
            velocity.iter_mut().zip(force).for_each(|(v, f)| *v = kept * *v + along * f);
            if self.steps_downhill > PATIENCE {
                self.time_step = (self.time_step * GROWTH).min(LONGEST_TIME_STEP);
                self.mixing *= MIXING_DECAY;
            }
            self.steps_downhill += 1;
        } else {
            velocity.fill(0.0);
            self.mixing = FIRST_MIXING;
            self.time_step *= SHRINKAGE;
            self.steps_downhill = 0;
        }
        velocity
    }
}

impl Optimizer for Fire {
    fn begin(&mut self, from: &Point) -> Result<Vec<f64>, Stuck> {
        let force: Vec<f64> = from.gradient.iter().map(|component| -component).collect();
        let velocity = match self.velocity.take() {
            Some(velocity) => self.steer(velocity, &force),
            None => vec![0.0; force.len()],
        };
        let velocity = moved(&velocity, self.time_step, &force);
        // The step as a whole is held back here, not each atom's part of it.
        let length = self.time_step * norm(&velocity);
        let held_back = if length > MAX_STEP { MAX_STEP / length } else { 1.0 };
        let next = moved(&from.x, self.time_step * held_back, &velocity);
        self.velocity = Some(velocity);
        Ok(next)
    }

    fn held_bytes(&self) -> u64 {
        8 * self.velocity.as_ref().map_or(0, Vec::len) as u64
    }
}
