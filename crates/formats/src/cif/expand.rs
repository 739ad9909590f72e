//! Images of the sites under the symmetry operations.

use super::sites::Site;
use super::symmetry::Operation;
use super::{CifClass, CifError};
use mlip_atoms::Lattice;

/// Images of one site closer than this are one atom, Å: coordinates of special positions are rounded.
pub(crate) const SAME_ATOM: f64 = 0.1;
/// Images merged over more than this, Å, are worth a warning: the position had few digits.
pub(crate) const ROUNDED: f64 = 0.02;
/// More atoms than this are refused.
pub(crate) const MAX_ATOMS: usize = 250_000;
/// Products of sites and operations above this are refused before they are computed.
const MAX_IMAGES: usize = 500_000;

/// An image of a site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Atom {
    /// Index into the sites.
    pub(crate) site: usize,
    /// What the operation gives, not wrapped.
    pub(crate) position: [f64; 3],
}

/// All atoms of the cell, site by site.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expansion {
    pub(crate) atoms: Vec<Atom>,
    /// Number of images of each site.
    pub(crate) multiplicities: Vec<usize>,
    /// Largest distance, Å, over which images were taken for one atom, and its site.
    pub(crate) widest: (f64, usize),
}

/// Distances below half the smallest height of the cell, with one image looked at.
#[derive(Debug)]
pub(crate) struct Metric<'a> {
    pub(crate) lattice: &'a Lattice,
    pub(crate) heights: [f64; 3],
}

impl<'a> Metric<'a> {
    pub(crate) fn new(lattice: &'a Lattice) -> Self {
        Self { lattice, heights: lattice.heights() }
    }

    /// The distance between two positions, if it is below `radius`.
    ///
    /// The component of a vector along axis k has at least |fraction_k| × height_k of length, so an image nearer
    /// than `radius` has |fraction_k| < radius / height_k. When that is below one half for each axis, only the image
    /// with the smallest fractions can be that near; otherwise the neighboring images are looked at too.
    pub(crate) fn distance_below(&self, a: [f64; 3], b: [f64; 3], radius: f64) -> Option<f64> {
        let difference: [f64; 3] = std::array::from_fn(|k| {
            let d = a[k] - b[k];
            d - d.round()
        });
        let is_small = |k: usize| self.heights[k] < 2.0 * radius;
        let is_far = |k: usize| !is_small(k) && difference[k].abs() * self.heights[k] > radius;
        if is_far(0) || is_far(1) || is_far(2) {
            return None;
        }
        let range = |k: usize| {
            // Fractions are within ±1/2: images up to this far can be near.
            let n = if is_small(k) { (radius / self.heights[k] + 0.5).ceil().min(4.0) } else { 0.0 };
            (-4i32..=4).map(f64::from).filter(move |shift| shift.abs() <= n)
        };
        let mut nearest = f64::INFINITY;
        for i in range(0) {
            for j in range(1) {
                for k in range(2) {
                    let image = [difference[0] + i, difference[1] + j, difference[2] + k];
                    let c = self.lattice.cartesian(image);
                    nearest = nearest.min(c[0] * c[0] + c[1] * c[1] + c[2] * c[2]);
                }
            }
        }
        let distance = nearest.sqrt();
        (distance < radius).then_some(distance)
    }
}

/// Applies every operation to every site; images of a site that fall together are one atom, the first of them.
///
/// # Errors
/// When there are more atoms than this program takes from one file.
pub(crate) fn expand(sites: &[Site], operations: &[Operation], lattice: &Lattice) -> Result<Expansion, CifError> {
    let images = sites.len().saturating_mul(operations.len());
    if images > MAX_IMAGES {
        return Err(too_large(sites, format!("{} sites under {} operations", sites.len(), operations.len())));
    }
    let metric = Metric::new(lattice);
    let mut expansion = Expansion::default();
    for (index, site) in sites.iter().enumerate() {
        let first = expansion.atoms.len();
        for operation in operations {
            let position = operation.apply(site.position);
            let known = expansion.atoms[first..]
                .iter()
                .find_map(|atom| metric.distance_below(atom.position, position, SAME_ATOM));
            match known {
                Some(distance) if distance > expansion.widest.0 => expansion.widest = (distance, index),
                Some(_) => {}
                None => expansion.atoms.push(Atom { site: index, position }),
            }
        }
        expansion.multiplicities.push(expansion.atoms.len() - first);
        if expansion.atoms.len() > MAX_ATOMS {
            return Err(too_large(sites, format!("more than {MAX_ATOMS} atoms in the cell")));
        }
    }
    Ok(expansion)
}

fn too_large(sites: &[Site], cause: String) -> CifError {
    CifError::new(
        CifClass::TooLarge,
        sites.first().map(|site| site.line),
        cause,
        "this program is meant for cells of thousands of atoms; is the list of operations right?",
    )
}

#[cfg(test)]
mod tests {
    use super::super::symmetry::parse_operation;
    use super::*;
    use mlip_atoms::{Frame, Species};

    fn site(position: [f64; 3]) -> Site {
        Site {
            species: Species::from_symbol("Mg").unwrap(),
            is_isotope: false,
            occupancy: 1.0,
            is_full: true,
            position,
            line: 1,
            multiplicity: None,
        }
    }

    #[test]
    fn rounded_special_positions_are_one_atom() {
        let lattice = Lattice::from_parameters([3.2, 3.2, 5.2], [90.0, 90.0, 120.0], Frame::Ase).unwrap();
        let threefold = ["x,y,z", "-y,x-y,z", "-x+y,-x,z"].map(|text| parse_operation(text).unwrap());
        let expansion = expand(&[site([0.3333, 0.6667, 0.25])], &threefold, &lattice).unwrap();
        assert_eq!(expansion.multiplicities, [1]);
        assert_eq!(expansion.atoms[0].position, [0.3333, 0.6667, 0.25]);
        assert!(expansion.widest.0 < ROUNDED);
        assert!(expand(&[site([0.33, 0.67, 0.25])], &threefold, &lattice).unwrap().widest.0 > ROUNDED);
        assert_eq!(expand(&[site([0.3, 0.1, 0.0])], &threefold, &lattice).unwrap().atoms.len(), 3);
    }

    #[test]
    fn distances_in_flat_and_skewed_cells_are_those_of_all_images() {
        for (lengths, angles) in
            [([0.3, 5.0, 9.0], [90.0; 3]), ([2.5, 2.5, 8.0], [90.0, 90.0, 20.0]), ([1.0; 3], [60.0; 3])]
        {
            let lattice = Lattice::from_parameters(lengths, angles, Frame::Ase).unwrap();
            let metric = Metric::new(&lattice);
            for k in 0..200u32 {
                let t = f64::from(k);
                let (a, b) =
                    ([t * 0.317 % 1.0, t * 0.711 % 1.0, 0.0], [t * 0.213 % 1.0, t * 0.577 % 1.0, t * 0.01 % 0.03]);
                let mut expected = f64::INFINITY;
                for i in -5..=5 {
                    for j in -5..=5 {
                        for l in -5..=5 {
                            let shift = [f64::from(i), f64::from(j), f64::from(l)];
                            let c = lattice.cartesian(std::array::from_fn(|k| a[k] - b[k] + shift[k]));
                            expected = f64::min(expected, (c[0] * c[0] + c[1] * c[1] + c[2] * c[2]).sqrt());
                        }
                    }
                }
                let got = metric.distance_below(a, b, 0.5);
                match got {
                    Some(distance) => assert!((distance - expected).abs() < 1e-12),
                    None => assert!(expected >= 0.5, "{expected}"),
                }
            }
        }
    }

    #[test]
    fn a_hostile_file_is_refused_before_it_costs_anything() {
        let lattice = Lattice::from_parameters([9.0; 3], [90.0; 3], Frame::Ase).unwrap();
        let sites = vec![site([0.1; 3]); 2_000];
        let operations = vec![Operation::IDENTITY; 1_000];
        assert_eq!(expand(&sites, &operations, &lattice).unwrap_err().class, CifClass::TooLarge);
    }
}
