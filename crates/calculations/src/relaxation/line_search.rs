//! A search along a line for a point that is low and flat enough.
//!
//! J. J. Moré and D. J. Thuente, *ACM Trans. Math. Softw.* **20**, 286 (1994): an interval that holds a minimum is narrowed
//! by cubic and quadratic interpolation. As in ASE, whose steps these are, the paper's modified function of its first stage
//! is left out, no two evaluations lie further apart than the longest step, the bounds are wider, and a search that cannot
//! narrow its interval ends with the best point instead of an error.

use super::optimizer::{MAX_STEP, Stuck};

/// Part of the slope at the origin by which the value must have fallen.
const SUFFICIENT_DECREASE: f64 = 0.23;
/// Part of the slope at the origin that may be left.
const CURVATURE: f64 = 0.46;
/// Least and largest step along the line.
const LEAST: f64 = 1e-8;
const MOST: f64 = 50.0;
/// An interval shorter than this part of its end is not narrowed any more.
const NARROWEST: f64 = 1e-14;
/// How far beyond the last steps, as a part of them, the next one lies while no minimum is enclosed.
const EXTRAPOLATION: [f64; 2] = [1.1, 4.0];
/// Part of the interval at which a cubic step towards the far end is held back, and by which two steps must narrow it.
const SAFEGUARD: f64 = 0.66;
/// Evaluations after which a search counts as one without end; ten are many.
const MOST_EVALUATIONS: u32 = 200;

/// Value and slope at a place of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    at: f64,
    value: f64,
    slope: f64,
}

/// What a search wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Progress {
    /// Value and slope at this place.
    Try(f64),
    /// Nothing more: the place that was evaluated last is the end.
    Done {
        /// How far it lies along the line.
        at: f64,
        /// Whether the longest step was reached while still going down, so that its curvature says nothing.
        at_bound: bool,
    },
}

/// A search along one line.
#[derive(Debug, Clone)]
pub(super) struct LineSearch {
    origin: Place,
    /// The lowest place so far, and the other end of the interval.
    best: Place,
    other: Place,
    /// Whether a minimum lies between both.
    enclosed: bool,
    /// The next place lies between these.
    bounds: [f64; 2],
    /// Of the interval, now and a step ago.
    widths: [f64; 2],
    /// Where value and slope are asked for.
    tried: f64,
    /// How far an atom moves at most for a step of one, Å.
    longest: f64,
    at_bound: bool,
    evaluations: u32,
}

impl LineSearch {
    /// From a point with this value and slope along a direction in which an atom moves `longest` Å for a step of one.
    ///
    /// # Errors
    /// When the slope leads upwards.
    pub(super) fn begin(value: f64, slope: f64, longest: f64) -> Result<Self, Stuck> {
        if slope >= 0.0 {
            return Err(Stuck::Uphill);
        }
        let origin = Place { at: 0.0, value, slope };
        let width = MOST - LEAST;
        let mut search = Self {
            origin,
            best: origin,
            other: origin,
            enclosed: false,
            bounds: [0.0, 1.0 + EXTRAPOLATION[1]],
            widths: [width, 2.0 * width],
            tried: 0.0,
            longest,
            at_bound: false,
            evaluations: 0,
        };
        search.tried = search.within_reach(1.0);
        Ok(search)
    }

    /// Where value and slope are asked for.
    pub(super) fn tried(&self) -> f64 {
        self.tried
    }

    /// Takes value and slope at the place that was asked for.
    ///
    /// # Errors
    /// When too many places were asked for.
    pub(super) fn take(&mut self, value: f64, slope: f64) -> Result<Progress, Stuck> {
        let trial = Place { at: self.tried, value, slope };
        self.evaluations += 1;
        if self.at_bound || self.is_over(trial) {
            return Ok(Progress::Done { at: trial.at, at_bound: self.at_bound });
        }
        if self.evaluations >= MOST_EVALUATIONS {
            return Err(Stuck::Endless(self.evaluations));
        }
        let wanted = self.interpolate(trial);
        let mut next = self.within_reach(wanted);
        self.narrow(trial);
        if self.enclosed {
            let width = (self.other.at - self.best.at).abs();
            if width >= SAFEGUARD * self.widths[1] {
                next = self.best.at + 0.5 * (self.other.at - self.best.at);
            }
            self.widths = [width, self.widths[0]];
            self.bounds = [self.best.at.min(self.other.at), self.best.at.max(self.other.at)];
        } else {
            self.bounds = EXTRAPOLATION.map(|factor| next + factor * (next - self.best.at));
        }
        next = next.clamp(LEAST, MOST);
        let [lower, upper] = self.bounds;
        self.at_bound = self.best.at == next && next == MOST && lower > MOST;
        let nowhere = self.enclosed && (next < lower || upper - lower < NARROWEST * upper);
        self.tried = if nowhere || next >= upper { self.best.at } else { next };
        Ok(Progress::Try(self.tried))
    }

    /// Whether the search ends at a place: because it is good, or because no better one can be had.
    fn is_over(&self, trial: Place) -> bool {
        let [lower, upper] = self.bounds;
        let least_slope = SUFFICIENT_DECREASE * self.origin.slope;
        let enough = self.origin.value + trial.at * least_slope;
        let narrow = trial.at <= lower || trial.at >= upper || upper - lower <= NARROWEST * upper;
        let still_falling = trial.at == MOST && trial.value <= enough && trial.slope <= least_slope;
        let rising_at_once = trial.at == LEAST && (trial.value > enough || trial.slope >= least_slope);
        let good = trial.value <= enough && trial.slope.abs() <= -CURVATURE * self.origin.slope;
        good || self.enclosed && narrow || still_falling || rising_at_once
    }

    /// The next place, from the trial and the interval: the four cases of the paper's section 4.
    fn interpolate(&mut self, trial: Place) -> f64 {
        let (best, t) = (self.best, trial.at);
        let opposite = trial.slope * (best.slope / best.slope.abs()) < 0.0;
        let nearer = |a: f64, b: f64, to: f64| if (a - to).abs() < (b - to).abs() { a } else { b };
        let farther = |a: f64, b: f64, from: f64| if (a - from).abs() > (b - from).abs() { a } else { b };
        if trial.value > best.value {
            // Higher: the minimum is enclosed.
            self.enclosed = true;
            let cubic = Cubic::through(best, trial).minimum();
            let quadratic =
                best.at + best.slope / ((best.value - trial.value) / (t - best.at) + best.slope) / 2.0 * (t - best.at);
            let near = (cubic - best.at).abs() < (quadratic - best.at).abs();
            if near { cubic } else { cubic + (quadratic - cubic) / 2.0 }
        } else if opposite {
            // Lower, and the slope has turned: enclosed too.
            self.enclosed = true;
            farther(Cubic::through(trial, best).minimum(), secant(trial, best), t)
        } else if trial.slope.abs() < best.slope.abs() {
            // Lower, and less steep: the cubic may have no minimum, or one on the wrong side.
            let [lower, upper] = self.bounds;
            let cubic = Cubic::through(trial, best);
            let cubic = match cubic.minimum_ahead() {
                Some(minimum) => minimum,
                None if t > best.at => upper,
                None => lower,
            };
            let secant = secant(trial, best);
            if self.enclosed {
                let held_back = t + SAFEGUARD * (self.other.at - t);
                let next = nearer(cubic, secant, t);
                if t > best.at { next.min(held_back) } else { next.max(held_back) }
            } else {
                farther(cubic, secant, t).min(upper).max(lower)
            }
        } else if self.enclosed {
            // Lower, and no less steep.
            Cubic::through(trial, self.other).minimum()
        } else if t > best.at {
            self.bounds[1]
        } else {
            self.bounds[0]
        }
    }

    /// Makes the trial an end of the interval.
    fn narrow(&mut self, trial: Place) {
        if trial.value > self.best.value {
            self.other = trial;
            return;
        }
        if trial.slope * (self.best.slope / self.best.slope.abs()) < 0.0 {
            self.other = self.best;
        }
        self.best = trial;
    }

    /// A place no further from the last one than an atom may move.
    fn within_reach(&self, at: f64) -> f64 {
        let step = at - self.tried;
        let longest = self.longest * step.abs();
        if longest >= MAX_STEP { self.tried + step * (MAX_STEP / longest) } else { self.tried + step }
    }
}

/// Where the slope vanishes if it changes evenly.
fn secant(a: Place, b: Place) -> f64 {
    a.at + a.slope / (a.slope - b.slope) * (b.at - a.at)
}

/// The polynomial of third degree with values and slopes of two places, by the paper's stable formula.
struct Cubic {
    a: Place,
    b: Place,
    theta: f64,
    scale: f64,
    /// Negative where the polynomial has no minimum.
    discriminant: f64,
}

impl Cubic {
    fn through(a: Place, b: Place) -> Self {
        let theta = 3.0 * (a.value - b.value) / (b.at - a.at) + a.slope + b.slope;
        let scale = theta.abs().max(a.slope.abs()).max(b.slope.abs());
        let discriminant = (theta / scale).powi(2) - (a.slope / scale) * (b.slope / scale);
        Self { a, b, theta, scale, discriminant }
    }

    fn root(&self, discriminant: f64) -> f64 {
        let root = self.scale * discriminant.sqrt();
        if self.b.at < self.a.at { -root } else { root }
    }

    /// Part of the way from `a` to `b`.
    fn fraction(&self, root: f64) -> f64 {
        ((root - self.a.slope) + self.theta) / (((root - self.a.slope) + root) + self.b.slope)
    }

    /// Where it is least; NaN where it has no minimum.
    fn minimum(&self) -> f64 {
        self.a.at + self.fraction(self.root(self.discriminant)) * (self.b.at - self.a.at)
    }

    /// Where it is least, if that is on the side of `a` away from `b`.
    fn minimum_ahead(&self) -> Option<f64> {
        let root = self.root(self.discriminant.max(0.0));
        let fraction = self.fraction(root);
        (fraction < 0.0 && root != 0.0).then_some(self.a.at + fraction * (self.b.at - self.a.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a function of the line, given with its derivative; the places that were evaluated.
    fn search(f: impl Fn(f64) -> (f64, f64), longest: f64) -> (Vec<f64>, Result<Progress, Stuck>) {
        let (value, slope) = f(0.0);
        let mut search = LineSearch::begin(value, slope, longest).unwrap();
        let mut places = vec![search.tried()];
        loop {
            let (value, slope) = f(search.tried());
            match search.take(value, slope) {
                Ok(Progress::Try(at)) => places.push(at),
                end => return (places, end),
            }
        }
    }

    #[test]
    fn the_end_is_low_and_flat_enough() {
        // The first function of Moré and Thuente, and a quartic with its minimum at 3.
        let rational = |t: f64| (-t / (t * t + 2.0), (t * t - 2.0) / (t * t + 2.0).powi(2));
        let quartic = |t: f64| ((t - 3.0).powi(4), 4.0 * (t - 3.0).powi(3));
        for f in [&rational as &dyn Fn(f64) -> (f64, f64), &quartic] {
            let (places, end) = search(f, 1e-3);
            let Ok(Progress::Done { at, at_bound: false }) = end else { panic!("{end:?}") };
            let ((start, slope), (value, left)) = (f(0.0), f(at));
            assert!(
                value <= start + SUFFICIENT_DECREASE * at * slope && left.abs() <= -CURVATURE * slope,
                "{places:?}"
            );
        }
    }

    #[test]
    fn no_two_evaluations_lie_further_apart_than_the_longest_step() {
        let (places, _) = search(|t| ((t - 3.0).powi(2), 2.0 * (t - 3.0)), 0.5);
        assert!(places.len() > 2);
        assert!((places[0] - 0.4).abs() < 1e-15 && places.windows(2).all(|two| (two[1] - two[0]).abs() < 0.4 + 1e-12));
    }

    #[test]
    fn a_line_that_falls_for_ever_ends_at_the_bound() {
        let (places, end) = search(|t| (-t, -1.0), 1e-6);
        assert!(matches!(end, Ok(Progress::Done { at: MOST, .. })), "{places:?} {end:?}");
    }

    #[test]
    fn a_line_that_leads_upwards_is_refused() {
        assert_eq!(LineSearch::begin(1.0, 0.0, 1.0).err(), Some(Stuck::Uphill));
    }

    #[test]
    fn a_slope_that_does_not_belong_to_the_values_ends_all_the_same() {
        let (_, end) = search(|t| (t, -1.0), 1e-3);
        assert!(end.is_ok(), "{end:?}");
    }
}
