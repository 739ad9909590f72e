//! Different sites at one place: shared positions, repeated atoms, overlaps, close contacts.

use super::error::Warnings;
use super::expand::{Expansion, Metric, SAME_ATOM};
use super::sites::Site;
use super::{CifClass, CifError};
use mlip_atoms::{Lattice, Species};
use std::collections::HashMap;

/// Different sites closer than this share a position, Å.
const SAME_PLACE: f64 = 0.02;
/// No two atoms of a crystal are nearer than this, Å (the shortest bond, in H2, has 0.74 Å).
pub(crate) const CONTACT: f64 = 0.5;
/// So many atoms within `CONTACT` of one atom are no structure, and would take quadratic time.
const MAX_CONTACTS: usize = 32;
/// Edge of the bins in which neighbors are sought, Å.
const BIN: f64 = 1.0;

/// A position of the cell and what is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub(crate) position: [f64; 3],
    pub(crate) species: Species,
    is_isotope: bool,
    /// Sum over the sites that share the position.
    occupancy: f64,
    /// Several elements or isotopes share it.
    is_mixed: bool,
    /// Exactly one atom is here.
    pub(crate) is_full: bool,
    /// Line of the first site.
    pub(crate) line: u32,
}

/// Puts the atoms of different sites together.
///
/// # Errors
/// With `overlap` when two whole atoms are at one place.
pub(crate) fn merge(
    sites: &[Site],
    expansion: &Expansion,
    lattice: &Lattice,
    warnings: &mut Warnings,
) -> Result<Vec<Place>, CifError> {
    let metric = Metric::new(lattice);
    let mut bins = Bins::new(metric.heights);
    let mut places: Vec<Place> = Vec::with_capacity(expansion.atoms.len());
    // Sites of the atoms in `places`: images of one site were told apart already.
    let mut owners: Vec<usize> = Vec::with_capacity(expansion.atoms.len());
    let mut near = Vec::new();
    for atom in &expansion.atoms {
        let site = &sites[atom.site];
        near.clear();
        bins.visit(atom.position, CONTACT, |index| {
            if let Some(distance) = metric.distance_below(places[index].position, atom.position, CONTACT) {
                near.push((distance, index));
            }
        });
        if near.len() > MAX_CONTACTS {
            return Err(overlap(site.line, format!("{} atoms are within {CONTACT} Å of one atom", near.len())));
        }
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut is_new = true;
        for &(distance, index) in &near {
            let place = &mut places[index];
            if owners[index] == atom.site || distance > SAME_ATOM {
                report_contact(place, site, distance, warnings);
                continue;
            }
            let both_full = place.is_full && site.is_full;
            if both_full && place.species == site.species {
                warnings.once(CifClass::Overlap, site.line, || {
                    format!("an atom is given twice (also on line {}); it was taken once", place.line)
                });
                is_new = false;
                break;
            }
            if both_full {
                return Err(overlap(
                    site.line,
                    format!("{} and {} (line {}) are {distance:.3} Å apart", site.species, place.species, place.line),
                ));
            }
            if distance <= SAME_PLACE {
                share(place, site)?;
                is_new = false;
                break;
            }
        }
        if is_new {
            bins.insert(atom.position, places.len());
            owners.push(atom.site);
            places.push(Place {
                position: atom.position,
                species: site.species,
                is_isotope: site.is_isotope,
                occupancy: site.occupancy,
                is_mixed: false,
                is_full: site.is_full,
                line: site.line,
            });
        }
    }
    check_own_images(lattice, &places, warnings);
    Ok(places)
}

fn overlap(line: u32, cause: String) -> CifError {
    CifError::new(CifClass::Overlap, line, cause, "remove one of them, or give occupancies and order the structure")
}

/// Adds a partly occupied site to a place. Two kinds of one element (Fe2+ and Fe3+) may fill a place together.
fn share(place: &mut Place, site: &Site) -> Result<(), CifError> {
    const FULL: f64 = 1e-3;
    place.occupancy += site.occupancy;
    if place.occupancy > 1.05 {
        return Err(overlap(
            site.line,
            format!(
                "the occupancies of the sites at one place (also line {}) add up to {:.3}",
                place.line, place.occupancy
            ),
        ));
    }
    place.is_mixed |= place.species != site.species || place.is_isotope != site.is_isotope;
    let had_room = !place.is_full && !site.is_full;
    place.is_full = had_room && !place.is_mixed && (place.occupancy - 1.0).abs() <= FULL;
    Ok(())
}

fn report_contact(place: &Place, site: &Site, distance: f64, warnings: &mut Warnings) {
    if place.is_full && site.is_full {
        warnings.once(CifClass::CloseContact, site.line, || {
            format!("{} and {} (line {}) are {distance:.3} Å apart", site.species, place.species, place.line)
        });
    }
}

/// A cell so short that an atom nearly meets its own image.
fn check_own_images(lattice: &Lattice, places: &[Place], warnings: &mut Warnings) {
    let mut shortest = f64::INFINITY;
    for i in -1..=1 {
        for j in -1..=1 {
            for k in -1..=1 {
                if (i, j, k) != (0, 0, 0) {
                    let v = lattice.cartesian([f64::from(i), f64::from(j), f64::from(k)]);
                    shortest = shortest.min((v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt());
                }
            }
        }
    }
    if shortest < CONTACT {
        warnings.once(CifClass::CloseContact, places.first().map(|place| place.line), || {
            format!("an atom and its image in the next cell are {shortest:.3} Å apart")
        });
    }
}

/// Positions by the part of the cell they are in.
struct Bins {
    heights: [f64; 3],
    counts: [i32; 3],
    bins: HashMap<[i32; 3], Vec<usize>>,
}

impl Bins {
    fn new(heights: [f64; 3]) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "at most a million")]
        let counts = heights.map(|height| (height / BIN).floor().clamp(1.0, 1e6) as i32);
        Self { heights, counts, bins: HashMap::new() }
    }

    /// The bin of a fraction along axis k, not wrapped.
    fn bin(&self, k: usize, fraction: f64) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "fractions are in [-1, 2), counts at most a million")]
        let bin = (fraction * f64::from(self.counts[k])).floor() as i32;
        bin
    }

    fn wrapped(position: [f64; 3]) -> [f64; 3] {
        position.map(|x| x - x.floor())
    }

    fn insert(&mut self, position: [f64; 3], index: usize) {
        let inside = Self::wrapped(position);
        let key = std::array::from_fn(|k| self.bin(k, inside[k]).rem_euclid(self.counts[k]));
        self.bins.entry(key).or_default().push(index);
    }

    /// Every index that may be within `radius`, once.
    fn visit(&self, position: [f64; 3], radius: f64, mut visit: impl FnMut(usize)) {
        let inside = Self::wrapped(position);
        let ranges: [(i32, i32); 3] = std::array::from_fn(|k| {
            let reach = radius / self.heights[k];
            if reach >= 0.5 {
                return (0, self.counts[k]);
            }
            let first = self.bin(k, inside[k] - reach);
            let last = self.bin(k, inside[k] + reach);
            (first, (last - first + 1).min(self.counts[k]))
        });
        let [x, y, z] = ranges;
        for i in x.0..x.0 + x.1 {
            for j in y.0..y.0 + y.1 {
                for k in z.0..z.0 + z.1 {
                    let key =
                        [i.rem_euclid(self.counts[0]), j.rem_euclid(self.counts[1]), k.rem_euclid(self.counts[2])];
                    self.bins.get(&key).into_iter().flatten().for_each(|index| visit(*index));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::expand::expand;
    use super::super::symmetry::Operation;
    use super::*;
    use mlip_atoms::Frame;

    fn site(symbol: &str, position: [f64; 3], occupancy: f64) -> Site {
        Site {
            species: Species::from_symbol(symbol).unwrap(),
            is_isotope: false,
            occupancy,
            is_full: occupancy == 1.0,
            position,
            line: 1,
            multiplicity: None,
        }
    }

    fn merged(sites: &[Site]) -> Result<(Vec<bool>, Vec<CifClass>), CifClass> {
        let lattice = Lattice::from_parameters([10.0; 3], [90.0; 3], Frame::Ase).unwrap();
        let expansion = expand(sites, &[Operation::IDENTITY], &lattice).unwrap();
        let mut warnings = Warnings::default();
        let places = merge(sites, &expansion, &lattice, &mut warnings).map_err(|error| error.class)?;
        let classes = warnings.into_vec().into_iter().map(|warning| warning.class).collect();
        Ok((places.iter().map(|place| place.is_full).collect(), classes))
    }

    #[test]
    fn sites_at_one_place_are_shared_repeated_or_in_conflict() {
        let at = |symbol, x, occupancy| site(symbol, [x, 0.0, 0.0], occupancy);
        assert_eq!(merged(&[at("Fe", 0.0, 0.6), at("Ni", 1.0, 0.4)]), Ok((vec![false], vec![])));
        assert_eq!(merged(&[at("Fe", 0.0, 0.5), at("Fe", 0.0001, 0.5)]), Ok((vec![true], vec![])));
        assert_eq!(merged(&[at("Fe", 0.0, 0.5), at("Ni", 0.0, 0.25), at("Fe", 0.0, 0.25)]).unwrap().0, [false]);
        assert_eq!(merged(&[at("Fe", 0.0, 0.7), at("Ni", 0.0, 0.7)]), Err(CifClass::Overlap));
        assert_eq!(merged(&[at("Fe", 0.0, 1.0), at("Fe", 2.0, 1.0)]), Ok((vec![true], vec![CifClass::Overlap])));
        assert_eq!(merged(&[at("Fe", 0.0, 1.0), at("Ni", 0.005, 1.0)]), Err(CifClass::Overlap));
        assert_eq!(merged(&[at("Fe", 0.0, 1.0), at("Ni", 0.97, 1.0)]).unwrap().1, [CifClass::CloseContact]);
        assert_eq!(merged(&[at("Fe", 0.0, 1.0), at("Ni", 0.2, 1.0)]), Ok((vec![true, true], vec![])));
    }

    #[test]
    fn a_heap_of_atoms_is_refused_in_time() {
        let sites: Vec<_> = (0..2000).map(|k| site("H", [f64::from(k) * 1e-5, 0.0, 0.0], 0.001)).collect();
        assert!(merged(&sites).is_ok_and(|(places, _)| places.len() < 20) || merged(&sites) == Err(CifClass::Overlap));
        let cloud: Vec<_> = (0..2000)
            .map(|k| {
                site(
                    "H",
                    [f64::from(k % 20) * 0.0025, f64::from(k / 20 % 10) * 0.0025, f64::from(k / 200) * 0.0025],
                    0.5,
                )
            })
            .collect();
        assert_eq!(merged(&cloud), Err(CifClass::Overlap));
    }
}
