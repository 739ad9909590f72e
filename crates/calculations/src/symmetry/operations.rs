//! Symmetry operations as they act on sites, vectors and tensors, and the mean over all of them.

use super::error::SymmetryError;
use super::search::{self, Operation};
use crate::matrix::{Matrix, product, transposed};
use mlip_atoms::{Lattice, Structure};

/// An operation and where it takes the sites.
#[derive(Debug, Clone)]
pub(super) struct Action {
    /// Of fractional positions.
    pub(super) rotation: Matrix,
    pub(super) translation: [f64; 3],
    /// `[n_atoms]` the site that each site goes to.
    pub(super) sites: Vec<u32>,
}

/// All symmetry operations of a cell.
///
/// Each operation is one of `rotations` after one of `translations`: a mean over all operations is a mean over the
/// translations, and then one over the rotations. A cell of N atoms has at most N translations and 48 rotations, where their
/// products can be thousands.
#[derive(Debug, Clone)]
pub(crate) struct Symmetry {
    /// First the operations that are translations alone, the identity among them; then one for each rotation.
    pub(super) families: [Vec<Action>; 2],
}

impl Symmetry {
    /// Those of a structure whose sites may be `symprec` Å from where symmetry wants them.
    ///
    /// # Errors
    /// When none are found.
    pub(crate) fn find(structure: &Structure, symprec: f64) -> Result<Self, SymmetryError> {
        let (mut translations, mut rotations) = (Vec::<Operation>::new(), Vec::<Operation>::new());
        for operation in search::search(structure, symprec)?.operations {
            if operation.0 == [[1, 0, 0], [0, 1, 0], [0, 0, 1]] {
                translations.push(operation);
            }
            if rotations.iter().all(|known| known.0 != operation.0) {
                rotations.push(operation);
            }
        }
        let act = |operations: Vec<Operation>| {
            operations.iter().map(|operation| action(structure, operation, symprec)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { families: [act(translations)?, act(rotations)?] })
    }

    /// Whether there is none but the identity.
    pub(crate) fn is_trivial(&self) -> bool {
        self.families.iter().all(|family| family.len() == 1)
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn n_operations(&self) -> usize {
        self.families.iter().map(Vec::len).product()
    }

    /// `[n_atoms, 3]` Cartesian vectors of the sites, such as forces or steps, made symmetric in a cell: the mean of what all
    /// operations make of them.
    pub(crate) fn vectors(&self, lattice: &Lattice, vectors: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let mut components: Vec<[f64; 3]> = vectors.iter().map(|vector| lattice.fractional(*vector)).collect();
        // A single one is the identity.
        for family in self.families.iter().filter(|family| family.len() > 1) {
            let mut sums = vec![[0.0; 3]; components.len()];
            for Action { rotation, sites, .. } in family {
                for (component, site) in components.iter().zip(sites) {
                    let rotated = rotate(rotation, *component);
                    (0..3).for_each(|k| sums[*site as usize][k] += rotated[k]);
                }
            }
            components = sums.into_iter().map(|sum| sum.map(|sum| sum / family.len() as f64)).collect();
        }
        components.into_iter().map(|component| lattice.cartesian(component)).collect()
    }

    /// A Cartesian tensor of the crystal, such as a stress or a strain, made symmetric in a cell.
    pub(crate) fn tensor(&self, lattice: &Lattice, tensor: &Matrix) -> Matrix {
        let [_, rotations] = &self.families;
        let (vectors, inverse) = (lattice.vectors(), lattice.inverse());
        let mean = self.mean_form(&product(&product(vectors, tensor), &transposed(vectors)));
        if rotations.len() == 1 { *tensor } else { product(&product(inverse, &mean), &transposed(inverse)) }
    }

    /// The mean of `Rᵀ S R` over all rotations: of numbers for pairs of lattice vectors, such as their scalar products.
    pub(super) fn mean_form(&self, form: &Matrix) -> Matrix {
        let [_, rotations] = &self.families;
        let mut sum = [[0.0; 3]; 3];
        for Action { rotation, .. } in rotations {
            let rotated = product(&product(&transposed(rotation), form), rotation);
            (0..9).for_each(|k| sum[k / 3][k % 3] += rotated[k / 3][k % 3]);
        }
        sum.map(|row| row.map(|sum| sum / rotations.len() as f64))
    }

    /// Memory held, bytes.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.families.iter().flatten().map(|action| 140 + 4 * action.sites.len() as u64).sum()
    }
}

/// `R x`.
pub(super) fn rotate(rotation: &Matrix, x: [f64; 3]) -> [f64; 3] {
    rotation.map(|row| row[0] * x[0] + row[1] * x[1] + row[2] * x[2])
}

/// The shortest of the fractional vectors that differ by whole numbers, as long as it is short.
pub(super) fn nearest(vector: [f64; 3]) -> [f64; 3] {
    vector.map(|component| component - component.round())
}

/// Finds where an operation takes the sites: to the nearest of the same element.
fn action(structure: &Structure, (rotation, translation): &Operation, symprec: f64) -> Result<Action, SymmetryError> {
    let (lattice, sites, species) = (structure.lattice(), structure.fractional(), structure.species());
    let rotation = rotation.map(|row| row.map(f64::from));
    let mut taken = vec![false; sites.len()];
    let mut found = Vec::with_capacity(sites.len());
    for (x, element) in sites.iter().zip(species) {
        let image = rotate(&rotation, *x);
        let image: [f64; 3] = std::array::from_fn(|k| image[k] + translation[k]);
        let square = |site: usize| {
            let way = lattice.cartesian(nearest(std::array::from_fn(|k| sites[site][k] - image[k])));
            way.iter().map(|component| component * component).sum::<f64>()
        };
        let same = (0..sites.len()).filter(|site| species[*site] == *element);
        let closest = same.map(|site| (site, square(site))).min_by(|a, b| a.1.total_cmp(&b.1));
        let site = closest.map_or(0, |(site, _)| site);
        if std::mem::replace(&mut taken[site], true) {
            return Err(SymmetryError::Sites { symprec });
        }
        found.push(site as u32);
    }
    Ok(Action { rotation, translation: *translation, sites: found })
}
