//! Which of several settings is meant, where the name does not say.

use super::CifError;
use super::expand::{Expansion, Metric, expand};
use super::formula::Formula;
use super::merge::CONTACT;
use super::sites::Site;
use super::symmetry::Operation;
use mlip_atoms::{Lattice, Species};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Larger candidates are not searched for contacts by comparing all pairs.
const MAX_COMPARED: usize = 3_000;

/// What a file says about its content besides the atoms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) formula: Option<&'a Formula>,
    /// `_cell_formula_units_Z`.
    pub(crate) units: Option<f64>,
}

/// A candidate that agrees with the evidence, or that none does better.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Index into the candidates.
    pub(crate) index: usize,
    pub(crate) expansion: Expansion,
    /// Some evidence speaks for this candidate and against all others, or all give the same atoms.
    pub(crate) is_certain: bool,
}

/// Expands under each candidate and asks, in this order: which gives the declared multiplicities? Which gives Z
/// declared formulas? Which gives a multiple of the formula? Which has no atoms on top of each other? A question
/// that all candidates or none of them pass decides nothing.
///
/// # Errors
/// When the first candidate has too many atoms.
pub(crate) fn choose(
    sites: &[Site],
    candidates: &[Cow<'_, [Operation]>],
    lattice: &Lattice,
    evidence: Evidence<'_>,
) -> Result<Choice, CifError> {
    let mut expansions = Vec::with_capacity(candidates.len());
    for operations in candidates {
        expansions.push(expand(sites, operations, lattice)?);
    }
    let mut left: Vec<usize> = (0..expansions.len()).collect();
    type Question<'q> = &'q dyn Fn(&Expansion) -> bool;
    let multiplicities = |expansion: &Expansion| has_declared_multiplicities(sites, expansion);
    let units = |expansion: &Expansion| {
        let counts = counts(sites, expansion);
        match (evidence.units, evidence.formula) {
            (Some(z), Some(formula)) => formula.is_multiple(&counts, z),
            (Some(z), None) => counts.values().all(|n| (*n as f64 % z) == 0.0),
            _ => true,
        }
    };
    let multiple = |expansion: &Expansion| {
        evidence.formula.is_none_or(|formula| formula.matches(&counts(sites, expansion)) != Some(false))
    };
    let apart = |expansion: &Expansion| !has_contact(expansion, lattice);
    let questions: [Question<'_>; 4] = [&multiplicities, &units, &multiple, &apart];
    for question in questions {
        if left.len() < 2 {
            break;
        }
        let passing: Vec<usize> = left.iter().copied().filter(|index| question(&expansions[*index])).collect();
        if !passing.is_empty() {
            left = passing;
        }
    }
    let index = left.first().copied().unwrap_or(0);
    let is_certain =
        left.len() == 1 || left.iter().all(|other| is_same(&expansions[index], &expansions[*other], lattice));
    Ok(Choice { index, expansion: expansions.swap_remove(index), is_certain })
}

/// Atoms of each element in the cell.
fn counts(sites: &[Site], expansion: &Expansion) -> BTreeMap<Species, usize> {
    let mut counts = BTreeMap::new();
    for (site, n) in sites.iter().zip(&expansion.multiplicities) {
        *counts.entry(site.species).or_insert(0) += n;
    }
    counts
}

fn has_declared_multiplicities(sites: &[Site], expansion: &Expansion) -> bool {
    sites.iter().zip(&expansion.multiplicities).all(|(site, n)| site.multiplicity.is_none_or(|m| m == *n as f64))
}

fn has_contact(expansion: &Expansion, lattice: &Lattice) -> bool {
    let atoms = &expansion.atoms;
    if atoms.len() > MAX_COMPARED {
        return false;
    }
    let metric = Metric::new(lattice);
    let touches = |(k, a): (usize, &super::expand::Atom)| {
        atoms[..k].iter().any(|b| metric.distance_below(a.position, b.position, CONTACT).is_some())
    };
    atoms.iter().enumerate().any(touches)
}

/// Whether two expansions put the same sites at the same places.
fn is_same(a: &Expansion, b: &Expansion, lattice: &Lattice) -> bool {
    const TOLERANCE: f64 = 0.01;
    if a.multiplicities != b.multiplicities || a.atoms.len() > MAX_COMPARED {
        return false;
    }
    let metric = Metric::new(lattice);
    let is_in_b = |atom: &super::expand::Atom| {
        let mut same_site = b.atoms.iter().filter(|other| other.site == atom.site);
        same_site.any(|other| metric.distance_below(atom.position, other.position, TOLERANCE).is_some())
    };
    a.atoms.iter().all(is_in_b)
}
