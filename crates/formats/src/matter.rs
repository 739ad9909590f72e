//! Whether atoms can be where a file says that they are, whatever its format.

use crate::Parsed;
use crate::covalent_radii::covalent_radius;
use crate::text::failure;
use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::{Deadline, Failure, Lattice, PredictError, Structure};
use std::collections::HashMap;

/// No two atoms are nearer, Å: the shortest bond, in H2, has 0.74 Å.
const CONTACT: f64 = 0.5;
/// No solid is denser, Å³ an atom: hydrogen at the pressures of the sun's core has more.
const LEAST_VOLUME: f64 = 0.2;
/// Opposite faces of a cell are never nearer, Å.
const LEAST_HEIGHT: f64 = 1e-3;
/// Beyond so many cells a coordinate has lost its last digits.
const MOST_CELLS: f64 = 1e6;
/// Atoms so near are at one place, Å.
const SAME_PLACE: f64 = 1e-8;
/// Of so many atoms each pair is looked at.
const FEW_ATOMS: usize = 16;

/// Nearer than this part of the sum of their covalent radii no two atoms of a crystal are that is not under the pressures of
/// stars; not refused, since potentials are asked about such crystals too.
const PART_OF_RADII: f64 = 0.5;

/// Refuses what is no matter: atoms on top of each other, cells without room, coordinates that are no places. With
/// `allow_overlap` atoms may be as near as they like, and that is a remark. So
/// is, once a structure, that atoms are much nearer than bonds.
///
/// # Errors
/// A failure of class `overlap`, `cell_invalid` or `bad_number`.
pub fn check_matter((structure, mut remarks): Parsed, allow_overlap: bool) -> Result<Parsed, Failure> {
    let refuse =
        |class: &str, cause: String, remedy: &str| Err(Failure { line: None, ..failure(class, 0, cause, remedy) });
    if let Some(site) = structure.fractional().iter().position(|x| x.iter().any(|x| x.abs() > MOST_CELLS)) {
        let place = structure.fractional()[site];
        let cause = format!("site {site} is at {place:?} of the cell: too far away for a coordinate to mean a place");
        return refuse("bad_number", cause, "correct the coordinates, or the lattice");
    }
    let lattice = structure.lattice();
    if let Some(cause) = too_thin(lattice) {
        return refuse("cell_invalid", cause, IN_ANGSTROM);
    }
    let volume = lattice.volume() / structure.n_atoms() as f64;
    if volume < LEAST_VOLUME {
        let cause = format!("an atom has {volume:.1e} Å³ of the cell: no matter is as dense");
        return refuse("cell_invalid", cause, IN_ANGSTROM);
    }
    let Near { overlap, within_radii } = match near(&structure) {
        Ok(near) => near,
        Err(error) => return refuse("cell_invalid", error.to_string(), IN_ANGSTROM),
    };
    let Some(contact) = overlap else {
        if let Some((pair, n)) = within_radii {
            let [one, other] = [pair.i, pair.j].map(|site| structure.species()[site as usize]);
            let (i, j, distance) = (pair.i, pair.j, pair.distance);
            let cause = format!(
                "{n} pairs of atoms are nearer than half the sum of their covalent radii, such as {one} (site {i}) and \
                 {other} (site {j}), {distance:.3} Å apart"
            );
            remarks.push(("close_contact".to_owned(), cause));
        }
        return Ok((structure, remarks));
    };
    let (i, j) = (contact.i as usize, contact.j as usize);
    let (one, other) = (structure.species()[i], structure.species()[j]);
    let distance = contact.distance;
    let cause = match i == j {
        true => format!("{one} (site {i}) and its own image in another cell are {distance:.3} Å apart"),
        false => format!("{one} (site {i}) and {other} (site {j}) are {distance:.3} Å apart"),
    };
    if !allow_overlap {
        let remedy = "no two atoms are nearer than 0.5 Å: remove one of them, or correct lattice and coordinates \
                      (--allow-overlap computes it all the same)";
        return refuse("overlap", cause, remedy);
    }
    remarks.push(("overlap".to_owned(), cause));
    Ok((structure, remarks))
}

/// What is said of a cell that is thinner than anything.
pub(crate) const IN_ANGSTROM: &str = "is the lattice in Å? Give it in Å, and shorter vectors for a sheared cell";

/// What is wrong with a cell whose opposite faces are nearly one.
pub(crate) fn too_thin(lattice: &Lattice) -> Option<String> {
    let [a, b, c] = lattice.heights();
    let is_thin = [a, b, c].iter().any(|height| *height < LEAST_HEIGHT);
    is_thin.then(|| format!("opposite faces of the cell are {a:.1e}, {b:.1e} and {c:.1e} Å apart"))
}

/// Atoms that are too near to each other.
struct Near {
    /// The nearest two, if they are nearer than `CONTACT`.
    overlap: Option<Pair>,
    /// Of the pairs that are much nearer than a bond the nearest, and how many there are.
    within_radii: Option<(Pair, usize)>,
}

fn near(structure: &Structure) -> Result<Near, PredictError> {
    if let Some((i, j)) = same_place(structure) {
        let pair = Pair { i, j, shift: [0; 3], vector: [0.0; 3], distance: 0.0 };
        return Ok(Near { overlap: Some(pair), within_radii: None });
    }
    let species = structure.species();
    let radius = |site: usize| covalent_radius(species[site]).unwrap_or(0.0);
    let largest = (0..species.len()).map(radius).fold(0.0, f64::max);
    let cutoff = CONTACT.max(PART_OF_RADII * 2.0 * largest);
    let list = match NeighborList::build(structure, cutoff, &Deadline::NONE) {
        Ok(list) => list,
        // Crowded beyond all bonds; whether atoms overlap can be told even so.
        Err(_) => NeighborList::build(structure, CONTACT, &Deadline::NONE)?,
    };
    let nearest = |a: &&Pair, b: &&Pair| a.distance.total_cmp(&b.distance);
    let overlap = list.pairs().iter().filter(|pair| pair.distance < CONTACT).min_by(nearest).copied();
    let is_within = |pair: &&Pair| pair.distance < PART_OF_RADII * (radius(pair.i as usize) + radius(pair.j as usize));
    let n_within = list.pairs().iter().filter(is_within).count();
    let within_radii = list.pairs().iter().filter(is_within).min_by(nearest).map(|pair| (*pair, n_within));
    Ok(Near { overlap, within_radii })
}

/// Two atoms at one place, if there are any: lists of neighbors leave these out.
fn same_place(structure: &Structure) -> Option<(u32, u32)> {
    match structure.n_atoms() {
        ..=FEW_ATOMS => same_of_few(structure),
        _ => same_of_many(structure),
    }
}

/// Every atom against every atom before it.
fn same_of_few(structure: &Structure) -> Option<(u32, u32)> {
    let places = || (0u32..).zip(structure.fractional());
    places().find_map(|(index, x)| {
        let inside = x.map(|x| x - x.floor());
        (0..index).find(|other| is_same(structure, *other as usize, inside)).map(|other| (other, index))
    })
}

/// Each atom against those in its cell of a fine grid, and in the cells that it nearly lies in.
fn same_of_many(structure: &Structure) -> Option<(u32, u32)> {
    const CELLS: f64 = 65_536.0;
    let heights = structure.lattice().heights();
    let mut known: HashMap<[u32; 3], Vec<u32>> = HashMap::with_capacity(structure.n_atoms());
    for (index, x) in (0u32..).zip(structure.fractional()) {
        let inside = x.map(|x| x - x.floor());
        // The cell of a grid in which it lies, and along each axis the one that it nearly lies in.
        let cell = |x: f64| (x.rem_euclid(1.0) * CELLS) as u32 % CELLS as u32;
        let near: [[u32; 2]; 3] = std::array::from_fn(|k| {
            let margin = SAME_PLACE / heights[k];
            [cell(inside[k] - margin), cell(inside[k] + margin)]
        });
        for corner in 0..8usize {
            let place: [usize; 3] = std::array::from_fn(|k| corner >> k & 1);
            // One that lies well within a cell is looked for once.
            if (0..3).any(|k| place[k] == 1 && near[k][0] == near[k][1]) {
                continue;
            }
            let key = std::array::from_fn(|k| near[k][place[k]]);
            let others = known.get(&key).into_iter().flatten();
            if let Some(other) = others.copied().find(|other| is_same(structure, *other as usize, inside)) {
                return Some((other, index));
            }
        }
        known.entry(inside.map(cell)).or_default().push(index);
    }
    None
}

fn is_same(structure: &Structure, other: usize, inside: [f64; 3]) -> bool {
    let other = structure.fractional()[other];
    let between = std::array::from_fn(|k| {
        let difference = other[k] - inside[k];
        difference - difference.round()
    });
    let vector = structure.lattice().cartesian(between);
    vector.iter().map(|x| x * x).sum::<f64>().sqrt() <= SAME_PLACE
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::Species;

    fn structure(lengths: [f64; 3], sites: &[[f64; 3]]) -> Structure {
        let [a, b, c] = lengths;
        let lattice = Lattice::from_vectors([[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]]).unwrap();
        let symbols = ["Na", "Cl"].map(|symbol| Species::from_symbol(symbol).unwrap());
        let species = (0..sites.len()).map(|k| symbols[k % 2]).collect();
        Structure::new(lattice, species, sites.to_vec()).unwrap()
    }

    fn class(lengths: [f64; 3], sites: &[[f64; 3]]) -> String {
        match check_matter((structure(lengths, sites), Vec::new()), false) {
            Ok((_, remarks)) => format!("ok {}", remarks.len()),
            Err(failure) => {
                assert!(failure.message.contains("; "), "{}", failure.message);
                failure.kind.to_string()
            }
        }
    }

    #[test]
    fn what_is_no_matter_is_refused() {
        let half = [0.5; 3];
        assert_eq!(class([4.0; 3], &[[0.0; 3], half]), "ok 0");
        for twin in [[0.0; 3], [1.0, -2.0, 3.0], [1e-11, 1.0 - 1e-11, 0.0], [-1e-12, 0.0, 7.0], [0.1, 0.0, 0.0]] {
            assert_eq!(class([4.0; 3], &[[0.0; 3], half, twin]), "overlap", "{twin:?}");
        }
        // 0.52 Å: half of the radii of sodium and chlorine are 1.34 Å.
        assert_eq!(class([4.0; 3], &[[0.0; 3], [0.13, 0.0, 0.0]]), "ok 1");
        assert_eq!(class([4.0; 3], &[[0.0; 3], [0.33, 0.0, 0.0]]), "ok 1");
        assert_eq!(class([4.0; 3], &[[0.0; 3], [0.34, 0.0, 0.0]]), "ok 0");
        assert_eq!(class([0.4, 9.0, 9.0], &[[0.0; 3]]), "overlap");
        assert_eq!(class([4e-10; 3], &[[0.0; 3]]), "cell_invalid");
        assert_eq!(class([0.3; 3], &[[0.0; 3]]), "cell_invalid");
        assert_eq!(class([1e-4, 1e3, 1e3], &[[0.0; 3]]), "cell_invalid");
        assert_eq!(class([4.0; 3], &[[1e300, 0.0, 0.0]]), "bad_number");
        assert_eq!(class([4.0; 3], &[[-2e6, 0.0, 0.0], half]), "bad_number");
        assert_eq!(class([4.0; 3], &[[1e5, -1e5, 3e4], half]), "ok 0");
    }

    #[test]
    fn overlaps_that_are_wanted_are_remarks_and_nothing_else_is_allowed_with_them() {
        let overlapping = structure([4.0; 3], &[[0.0; 3], [0.0; 3]]);
        let (_, remarks) = check_matter((overlapping, Vec::new()), true).unwrap();
        assert_eq!(remarks[0].0, "overlap");
        assert!(remarks[0].1.contains("Na (site 0) and Cl (site 1) are 0.000 Å apart"), "{}", remarks[0].1);
        assert!(check_matter((structure([4e-10; 3], &[[0.0; 3]]), Vec::new()), true).is_err());
    }

    #[test]
    fn few_atoms_and_many_are_compared_alike() {
        let near = |k: usize| [0.0, 1e-10, 5e-10, -1e-10, 0.25, 1.0][k % 6];
        for number in 0..6usize.pow(3) {
            let twin = [near(number), near(number / 6), near(number / 36)];
            let sites = [[0.5; 3], [0.0; 3], [0.25, 0.0, 0.5], twin];
            let structure = structure([4.0, 5.0, 6.0], &sites);
            assert_eq!(same_of_few(&structure), same_of_many(&structure), "{twin:?}");
            assert_eq!(same_of_few(&structure).is_some(), twin.iter().all(|x| *x != 0.25), "{twin:?}");
        }
    }

    #[test]
    fn many_atoms_of_one_layer_are_compared_at_once() {
        let sites: Vec<[f64; 3]> =
            (0..40_000).map(|k| [f64::from(k % 200) / 200.0, f64::from(k / 200) / 200.0, 0.0]).collect();
        assert_eq!(same_place(&structure([300.0, 300.0, 30.0], &sites)), None);
        let with_twin = [sites.as_slice(), &[[0.5, 0.25, 1.0]]].concat();
        assert_eq!(same_place(&structure([300.0, 300.0, 30.0], &with_twin)), Some((10_100, 40_000)));
    }
}
