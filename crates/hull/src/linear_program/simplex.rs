//! The linear program of a convex hull: the mixture of columns with the lowest energy at a composition.
//!
//! Minimize Σ x f over x ≥ 0 with Σ x a = c, where a column is the composition a (parts of atoms, n elements) and the
//! energy f of an entry, and c is the composition that is asked for. Columns 0 to n − 1 are the elements themselves with
//! f = 0, so the first basis is the identity and x = c: a feasible point is known from the start, and every column has to
//! have an energy below zero to matter.
//!
//! The revised simplex method, as in V. Chvátal, Linear Programming (1983), chapters 3 and 7. There are at most some ten
//! rows and up to 10^5 columns, so pricing is all the work, and the basis, n × n, is factored anew in each step: no
//! rounding errors gather, and the answer is as exact as the solution of the last basis. General solvers of linear
//! programs stop by default at tolerances of 1e-6 to 1e-9 and build their problem from the start for each right side.
//!
//! Nothing here depends on anything but the columns, their order and c: equal questions have equal answers, to the bit.

use super::factors::Factors;

/// A column enters only if it lowers the energy by more than this, eV/atom. The sum of all x is one, so the energy that is
/// found is at most this far above the minimum.
const OPTIMALITY: f64 = 1e-11;

/// An element of the entering column's representation must be larger than this to be divided by.
const PIVOT: f64 = 1e-9;

/// Phases with a smaller part are left out of a decomposition, as in pymatgen.
const SMALLEST_PART: f64 = 1e-8;

/// Steps without progress after which the rule changes to Bland's, which cannot cycle.
pub(super) const PATIENCE: usize = 32;

/// Rows of the basis reach zero together if their steps differ by no more than this: parts of the atoms are rounded at
/// 1e-16, and a later row would leave a part this far below zero.
const STEP_TIE: f64 = 1e-14;

/// A mixture holds the composition that was asked for to this, in parts of the atoms: with formation energies of some eV
/// its energy is then right to the tolerance of the search. Parts are rounded at 1e-16.
const BALANCE: f64 = 1e-12;

/// More steps than any hull has needed, by far; only rounding errors could lead here.
const MAX_STEPS: usize = 20_000;

/// Columns of a linear program: element by element, so that pricing runs along memory.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(super) n_elements: usize,
    /// `[n_elements, n_columns]`: part of the atoms.
    parts: Vec<f64>,
    /// `[n_columns]`: formation energy, eV/atom; zero for the elements, below zero for all others.
    energies: Vec<f64>,
}

/// The best mixture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mixture {
    /// Its energy, eV/atom.
    pub(crate) energy: f64,
    /// Columns and their parts, all positive, by column.
    pub(crate) columns: Vec<(usize, f64)>,
}

impl Columns {
    /// Of `[n_columns, n_elements]` parts and `[n_columns]` energies without the elements themselves.
    pub(crate) fn new(n_elements: usize, entries: &[f64], formation_energies: &[f64]) -> Self {
        let n_columns = n_elements + formation_energies.len();
        let mut parts = vec![0.0; n_elements * n_columns];
        for (element, row) in parts.chunks_exact_mut(n_columns).enumerate() {
            if let Some(own) = row.get_mut(element) {
                *own = 1.0;
            }
            let of_entries = entries.iter().skip(element).step_by(n_elements);
            row.iter_mut().skip(n_elements).zip(of_entries).for_each(|(part, of_entry)| *part = *of_entry);
        }
        let energies = std::iter::repeat_n(0.0, n_elements).chain(formation_energies.iter().copied()).collect();
        Self { n_elements, parts, energies }
    }

    /// Memory that it holds.
    pub(crate) fn n_bytes(&self) -> usize {
        (self.parts.len() + self.energies.len()) * size_of::<f64>()
    }

    pub(super) fn n_columns(&self) -> usize {
        self.energies.len()
    }

    fn column(&self, column: usize) -> impl Iterator<Item = f64> {
        self.parts.iter().skip(column).step_by(self.n_columns()).copied()
    }

    pub(super) fn energy(&self, column: usize) -> f64 {
        self.energies.get(column).copied().unwrap_or_default()
    }

    /// The mixture of lowest energy at `composition`, `[n_elements]` positive parts that sum to one. `None` if rounding
    /// errors prevent an answer, which no composition of real entries has been seen to do.
    ///
    /// A column at the very composition is the whole mixture if nothing else is better by more than the tolerance of the
    /// search, so that its energy is found to the bit.
    pub(crate) fn cheapest(&self, composition: &[f64]) -> Option<Mixture> {
        self.cheapest_within(composition, PATIENCE)
    }

    /// With another number of steps without progress before the rule changes.
    pub(super) fn cheapest_within(&self, composition: &[f64], patience: usize) -> Option<Mixture> {
        let mut basis: Vec<usize> = (0..self.n_elements).collect();
        let mut reduced = vec![0.0; self.n_columns()];
        let mut lowest = f64::INFINITY;
        let mut n_idle = 0;
        for _ in 0..MAX_STEPS {
            let factors = Factors::of(self.n_elements, |row, column| self.part(row, *basis.get(column)?))?;
            let parts = factors.solve(composition);
            let energy: f64 = basis.iter().zip(&parts).map(|(column, part)| self.energy(*column) * part).sum();
            n_idle = if energy < lowest - OPTIMALITY { 0 } else { n_idle + 1 };
            lowest = lowest.min(energy);
            let costs: Vec<f64> = basis.iter().map(|column| self.energy(*column)).collect();
            let potentials = factors.solve_transposed(&costs);
            self.price(&potentials, &mut reduced);
            let patient = n_idle < patience;
            let Some(entering) = entering(&reduced, &basis, patient) else {
                return self.mixture(composition, &basis, &parts);
            };
            let direction = factors.solve(&self.column(entering).collect::<Vec<_>>());
            let leaving = leaving(&parts, &direction, &basis, patient)?;
            *basis.get_mut(leaving)? = entering;
        }
        None
    }

    pub(super) fn part(&self, element: usize, column: usize) -> Option<f64> {
        self.parts.get(element * self.n_columns() + column).copied()
    }

    /// By how much a mixture at the present potentials is undercut by each column: `[n_columns]`.
    fn price(&self, potentials: &[f64], reduced: &mut [f64]) {
        reduced.copy_from_slice(&self.energies);
        for (potential, row) in potentials.iter().zip(self.parts.chunks_exact(self.n_columns())) {
            reduced.iter_mut().zip(row).for_each(|(reduced, part)| *reduced -= potential * part);
        }
    }

    /// Of a basis and its parts; `None` if they are not what was asked for.
    pub(super) fn mixture(&self, composition: &[f64], basis: &[usize], parts: &[f64]) -> Option<Mixture> {
        let mut columns: Vec<(usize, f64)> = basis.iter().copied().zip(parts.iter().copied()).collect();
        let off = |(element, wanted): (usize, &f64)| {
            let held = columns.iter().filter_map(|(column, part)| Some(part * self.part(element, *column)?));
            (held.sum::<f64>() - wanted).abs()
        };
        // Comparisons with what is not a number fail, as they should.
        let balanced = composition.iter().enumerate().map(off).all(|off| off <= BALANCE);
        if !balanced || !columns.iter().all(|(_, part)| *part > -SMALLEST_PART) {
            return None;
        }
        columns.sort_unstable_by_key(|(column, _)| *column);
        let sum: f64 = columns.iter().map(|(column, part)| self.energy(*column) * part).sum();
        // The elements alone have zero; rounding does not lift a mixture above them.
        let energy = sum.min(0.0);
        if let Some(column) = self.lowest_at(composition).filter(|column| self.energy(*column) <= energy + OPTIMALITY) {
            return Some(Mixture { energy: self.energy(column), columns: vec![(column, 1.0)] });
        }
        columns.retain(|(_, part)| *part > SMALLEST_PART);
        Some(Mixture { energy, columns })
    }

    /// The column of lowest energy among those at the very composition, the first of equals.
    fn lowest_at(&self, composition: &[f64]) -> Option<usize> {
        // Most columns differ in the first element already, and its parts lie together in memory.
        let (first, row) = (composition.first()?, self.parts.get(..self.n_columns())?);
        let alike = row.iter().enumerate().filter(|(_, part)| *part == first).map(|(column, _)| column);
        let equal = alike.filter(|column| self.column(*column).eq(composition.iter().copied()));
        equal.min_by(|a, b| self.energy(*a).total_cmp(&self.energy(*b)))
    }
}

/// The column that lowers the energy most, the first of equals; in Bland's rule the first that lowers it.
fn entering(reduced: &[f64], basis: &[usize], patient: bool) -> Option<usize> {
    let mut best = None;
    let mut lowest = -OPTIMALITY;
    for (column, cost) in reduced.iter().enumerate() {
        if *cost < lowest && !basis.contains(&column) {
            best = Some(column);
            if !patient {
                break;
            }
            lowest = *cost;
        }
    }
    best
}

/// The row of the basis that reaches zero first. Among those that reach it together the largest pivot, which is the most
/// exact; in Bland's rule the first column.
fn leaving(parts: &[f64], direction: &[f64], basis: &[usize], patient: bool) -> Option<usize> {
    let steps = || {
        let rows = parts.iter().zip(direction).enumerate();
        rows.filter(|(_, (_, slope))| **slope > PIVOT).map(|(row, (part, slope))| (row, part.max(0.0) / slope, *slope))
    };
    let shortest = steps().map(|(_, step, _)| step).fold(f64::INFINITY, f64::min);
    let together = steps().filter(|(_, step, _)| *step <= shortest + STEP_TIE);
    let order = |a: &(usize, f64, f64), b: &(usize, f64, f64)| {
        let by_column = basis.get(a.0).cmp(&basis.get(b.0));
        if patient { b.2.total_cmp(&a.2).then(by_column) } else { by_column }
    };
    together.min_by(order).map(|(row, _, _)| row)
}
