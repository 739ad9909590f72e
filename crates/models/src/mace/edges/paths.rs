//! Paths from features of l1 by harmonics of l2 to messages of l3, and what their couplings are made of.

use crate::e3nn::couplings;
use crate::mace::file::ModelFile;

/// (l1, l2, l3) in upstream's order: by l1, l2, l3 as they are found, then sorted by l3, which keeps that order among equals.
pub(in crate::mace) fn paths(sent_lmax: usize, max_ell: usize, target_lmax: usize) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    for l1 in 0..=sent_lmax {
        for l2 in 0..=max_ell {
            for l3 in (l1.abs_diff(l2)..=(l1 + l2).min(target_lmax)).step_by(2) {
                found.push((l1, l2, l3));
            }
        }
    }
    found.sort_by_key(|(.., l3)| *l3);
    found
}

/// (coupling, harmonic, coefficient): the couplings of a path follow each other, (m1, m3) with m3 running fastest.
pub(in crate::mace) fn terms(file: &ModelFile, paths: &[(usize, usize, usize)]) -> Vec<(u16, u16, f64)> {
    let (mut terms, mut first) = (Vec::new(), 0);
    for (l1, l2, l3) in paths.iter().copied() {
        let d3 = 2 * l3 + 1;
        for (m1, m2, m3, value) in couplings(l1, l2, l3) {
            // Upstream saves the couplings with the weights, rounded as they are; those with a scalar are no table.
            let rounded = file.is_single() && l1 * l2 * l3 > 0;
            let value = if rounded { f64::from(value as f32) } else { value };
            terms.push(((first + m1 * d3 + m3) as u16, (l2 * l2 + m2) as u16, value * (d3 as f64).sqrt()));
        }
        first += (2 * l1 + 1) * d3;
    }
    terms
}
