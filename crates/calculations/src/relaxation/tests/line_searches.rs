//! Line searches alone, on functions that are harder than crystals: `tests/relaxation/make_goldens.py` wrote what ASE does.

use super::support::read;
use crate::relaxation::line_search::{LineSearch, Progress};
use serde::Deserialize;
use std::f64::consts::PI;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    function: u32,
    stretch: f64,
    /// Of the direction, Å.
    length: f64,
    places: Vec<f64>,
    /// Places, from the first on, that ASE itself comes to again when the function is stretched by another 1e-15.
    reproducible: usize,
    end: f64,
    at_bound: bool,
}

/// Part of a place. Sines and powers differ in their last digit, and searches enlarge that.
const TOLERANCE: f64 = 1e-9;

/// Value and slope of the functions 1 to 6 of Moré and Thuente (1994), of one with many minima and of two others, whose
/// slopes are not their own.
fn profile(function: u32, a: f64) -> (f64, f64) {
    match function {
        1 => (-a / (a * a + 2.0), (a * a - 2.0) / (a * a + 2.0).powi(2)),
        2 => {
            let b = a + 0.004;
            (b.powi(5) - 2.0 * b.powi(4), 5.0 * b.powi(4) - 8.0 * b.powi(3))
        }
        3 => {
            let (beta, waves) = (0.01, 39.0 * PI / 2.0);
            let (value, slope) = match a {
                _ if a <= 1.0 - beta => (1.0 - a, -1.0),
                _ if a >= 1.0 + beta => (a - 1.0, 1.0),
                _ => ((a - 1.0).powi(2) / (2.0 * beta) + beta / 2.0, (a - 1.0) / beta),
            };
            (value + (1.0 - beta) / waves * (waves * a).sin(), slope + (1.0 - beta) * (waves * a).cos())
        }
        8 => (a, -1.0),
        9 => (-a, -1.0 - a * a),
        7 => (-a.sin() + 0.3 * (7.0 * a).sin() - 0.9 * a, -a.cos() + 2.1 * (7.0 * a).cos() - 2.0 * 0.9),
        _ => {
            let (b1, b2) = [(0.001, 0.001), (0.01, 0.001), (0.001, 0.01)][function as usize - 4];
            let height = |b: f64| (1.0 + b * b).sqrt() - b;
            let (left, right) = (((1.0 - a).powi(2) + b2 * b2).sqrt(), (a * a + b1 * b1).sqrt());
            let (g1, g2) = (height(b1), height(b2));
            (g1 * left + g2 * right, g1 * (a - 1.0) / left + g2 * a / right)
        }
    }
}

#[test]
fn line_searches_evaluate_where_ase_does() {
    let (mut n_places, mut n_whole) = (0, 0);
    for golden in read::<Vec<Golden>>("line_searches.json") {
        let Golden { function, stretch, length, .. } = golden;
        let of = |at: f64| {
            let (value, slope) = profile(function, stretch * (at * length));
            (value, slope * stretch * length)
        };
        let (value, slope) = of(0.0);
        let mut search = LineSearch::begin(value, slope, length).unwrap();
        let mut places = vec![search.tried()];
        let (end, at_bound) = loop {
            let (value, slope) = of(search.tried());
            match search.take(value, slope).unwrap() {
                Progress::Try(at) => places.push(at),
                Progress::Done { at, at_bound } => break (at, at_bound),
            }
        };
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE * b.abs();
        let comparable = golden.places.iter().take(golden.reproducible);
        let same = places.len() >= golden.reproducible && places.iter().zip(comparable).all(near);
        assert!(same, "{places:?} instead of {golden:?}");
        n_places += golden.reproducible;
        if golden.reproducible == golden.places.len() {
            let same_end = near((&end, &golden.end)) && places.len() == golden.places.len();
            assert!(same_end && at_bound == golden.at_bound, "{golden:?}: {end} {at_bound}");
            n_whole += 1;
        }
    }
    assert!(n_places > 1700 && n_whole > 150, "only {n_places} places, {n_whole} whole searches");
}
