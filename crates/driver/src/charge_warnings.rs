//! What is said about the charge and the spin that a structure names: who leaves them aside, and who computes it with a spin
//! that its electrons cannot have.

use mlip_atoms::{Potential, Structure};
use mlip_store::{CHARGE_UNUSED, SPIN_IMPOSSIBLE};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Classes and sentences of the warnings; none for a structure that names neither. `labels`: of the potentials, in their order.
pub(crate) fn charge_warnings(
    structure: &Structure,
    labels: &[String],
    potentials: &[Arc<dyn Potential>],
) -> Vec<(String, String)> {
    let named = [("charge", structure.charge().map(i64::from)), ("spin", structure.spin().map(i64::from))];
    let named: Vec<String> = named.into_iter().filter_map(|(what, value)| Some(format!("{what} {}", value?))).collect();
    if named.is_empty() {
        return Vec::new();
    }
    let mut unused = Vec::new();
    let mut impossible: Vec<Impossible<'_>> = Vec::new();
    for (label, potential) in labels.iter().zip(potentials) {
        let ask = || (potential.uses_charge(), potential.charge_and_spin(structure));
        // One that panics is met again in its evaluation, which is the failure of this structure alone.
        let Ok((uses_charge, computed_with)) = catch_unwind(AssertUnwindSafe(ask)) else { continue };
        if !uses_charge {
            unused.push(label.as_str());
        }
        let Some((charge, spin)) = computed_with else { continue };
        if !is_impossible(electrons(structure, charge), spin) {
            continue;
        }
        match impossible.iter_mut().find(|same| (same.charge, same.spin) == (charge, spin)) {
            Some(same) => same.labels.push(label.as_str()),
            None => impossible.push(Impossible { labels: vec![label.as_str()], charge, spin }),
        }
    }
    let mut warnings = Vec::new();
    if !unused.is_empty() {
        let sentence = format!("the structure carries {}, unused by {}", named.join(" and "), unused.join(", "));
        warnings.push((CHARGE_UNUSED.to_owned(), sentence));
    }
    if !impossible.is_empty() {
        let said: Vec<String> = impossible.iter().map(|impossible| impossible.say(structure)).collect();
        // What the structure names comes before what was chosen for the potential.
        let lacks_electrons = impossible.iter().any(|impossible| electrons(structure, impossible.charge) < 0);
        let remedy = match (structure.charge(), structure.spin()) {
            (Some(_), _) if lacks_electrons => "correct the charge of the structure",
            (Some(_), Some(_)) => "the structure names both: correct its charge or its spin",
            (Some(_), None) => "the structure names its charge only: name its spin too",
            (None, _) => "the structure names its spin only: name its charge too, or correct the spin",
        };
        warnings.push((SPIN_IMPOSSIBLE.to_owned(), format!("{}; {remedy}", said.join("; "))));
    }
    warnings
}

/// Potentials that compute a structure with the same charge and spin, which exclude each other.
struct Impossible<'a> {
    labels: Vec<&'a str>,
    charge: i32,
    spin: i32,
}

impl Impossible<'_> {
    fn say(&self, structure: &Structure) -> String {
        let Self { labels, charge, spin } = self;
        let verb = if labels.len() == 1 { "computes" } else { "compute" };
        let computed = format!("{} {verb} it with charge {charge}", labels.join(", "));
        match electrons(structure, *charge) {
            lacking @ ..0 => format!("{computed}, for which {} electrons are missing", -lacking),
            electrons => {
                format!("{computed} and spin multiplicity {spin}, which {electrons} electrons cannot have")
            }
        }
    }
}

/// Electrons of a structure with this charge; negative where it is larger than that of all nuclei.
fn electrons(structure: &Structure, charge: i32) -> i64 {
    structure.species().iter().map(|species| i64::from(species.atomic_number())).sum::<i64>() - i64::from(charge)
}

/// A multiplicity of n has n - 1 unpaired electrons, which are no more than there are, and the others are pairs. 0 says nothing.
fn is_impossible(electrons: i64, spin: i32) -> bool {
    let unpaired = i64::from(spin) - 1;
    spin > 0 && (unpaired > electrons || (electrons - unpaired) % 2 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::lennard_jones::{LennardJones, LennardJonesParameters};
    use mlip_atoms::{
        Deadline, DeviceError, Engine, EngineResources, Frame, Lattice, PotentialId, PredictError, Prediction, Request,
        Species,
    };

    /// Lennard-Jones, which computes with this charge and spin where the structure names none.
    struct Charged {
        inner: Arc<LennardJones>,
        default: Option<(i32, i32)>,
        panics: bool,
    }

    impl Potential for Charged {
        fn id(&self) -> &PotentialId {
            self.inner.id()
        }

        fn supports(&self, species: Species) -> bool {
            self.inner.supports(species)
        }

        fn uses_charge(&self) -> bool {
            self.default.is_some()
        }

        fn charge_and_spin(&self, structure: &Structure) -> Option<(i32, i32)> {
            assert!(!self.panics, "it panics");
            let (charge, spin) = self.default?;
            Some((structure.charge().unwrap_or(charge), structure.spin().map_or(spin, |spin| spin as i32)))
        }

        fn cost(&self, structure: &Structure) -> f64 {
            self.inner.cost(structure)
        }

        fn weight_bytes(&self) -> u64 {
            0
        }

        fn working_bytes(&self, structure: &Structure) -> u64 {
            self.inner.working_bytes(structure)
        }

        fn open(self: Arc<Self>, resources: EngineResources) -> Result<Box<dyn Engine>, DeviceError> {
            self.inner.clone().open(resources)
        }

        fn predict(
            &self,
            structures: &[&Structure],
            request: Request,
            deadline: &Deadline,
        ) -> Vec<Result<Prediction, PredictError>> {
            self.inner.predict(structures, request, deadline)
        }
    }

    fn potential(default: Option<(i32, i32)>) -> Arc<dyn Potential> {
        let inner = Arc::new(LennardJones::new(LennardJonesParameters::default()));
        Arc::new(Charged { inner, default, panics: false })
    }

    /// Of atoms of these elements, which name this charge and spin.
    fn structure(elements: &[&str], charge: Option<i32>, spin: Option<u32>) -> Structure {
        let lattice = Lattice::from_parameters([9.0; 3], [90.0; 3], Frame::Pymatgen).unwrap();
        let species = elements.iter().map(|symbol| Species::from_symbol(symbol).unwrap()).collect();
        let sites = (0..elements.len()).map(|number| [0.1 * number as f64, 0.0, 0.0]).collect();
        Structure::new(lattice, species, sites).unwrap().with_charge(charge).with_spin(spin)
    }

    /// Warnings about water, of potentials with these charges and spins; their labels are a, b, c.
    fn of_water(defaults: &[Option<(i32, i32)>], charge: Option<i32>, spin: Option<u32>) -> Vec<(String, String)> {
        let potentials: Vec<_> = defaults.iter().map(|default| potential(*default)).collect();
        let labels = ["a", "b", "c"].map(str::to_owned);
        charge_warnings(&structure(&["O", "H", "H"], charge, spin), &labels, &potentials)
    }

    #[test]
    fn a_structure_that_names_neither_has_no_warning() {
        assert!(of_water(&[None, Some((1, 1))], None, None).is_empty());
    }

    #[test]
    fn all_that_leave_charge_and_spin_aside_are_named() {
        let unused = |sentence: &str| vec![(CHARGE_UNUSED.to_owned(), sentence.to_owned())];
        let neither = [None, Some((0, 1)), None];
        assert_eq!(of_water(&neither, Some(0), None), unused("the structure carries charge 0, unused by a, c"));
        let both = unused("the structure carries charge 1 and spin 2, unused by a, c");
        assert_eq!(of_water(&neither, Some(1), Some(2)), both);
        assert!(of_water(&[Some((0, 1))], Some(1), Some(2)).is_empty());
    }

    #[test]
    fn all_that_compute_an_impossible_spin_are_named_and_the_remedy_goes_by_what_the_structure_names() {
        let impossible = |sentence: &str| vec![(SPIN_IMPOSSIBLE.to_owned(), sentence.to_owned())];
        assert_eq!(
            of_water(&[Some((0, 1)), Some((0, 2)), Some((0, 1))], Some(1), None),
            impossible(
                "a, c compute it with charge 1 and spin multiplicity 1, which 9 electrons cannot have; \
                 the structure names its charge only: name its spin too"
            )
        );
        assert_eq!(
            of_water(&[Some((0, 1)), Some((2, 1)), Some((1, 1))], None, Some(2)),
            impossible(
                "a computes it with charge 0 and spin multiplicity 2, which 10 electrons cannot have; \
                 b computes it with charge 2 and spin multiplicity 2, which 8 electrons cannot have; \
                 the structure names its spin only: name its charge too, or correct the spin"
            )
        );
        assert_eq!(
            of_water(&[Some((0, 1)), Some((3, 5))], Some(0), Some(2)),
            impossible(
                "a, b compute it with charge 0 and spin multiplicity 2, which 10 electrons cannot have; \
                 the structure names both: correct its charge or its spin"
            )
        );
    }

    #[test]
    fn no_more_electrons_are_unpaired_than_there_are() {
        let said = |element: &str, charge, spin| {
            let potentials = [potential(Some((0, 1)))];
            let of = structure(&[element], Some(charge), Some(spin));
            charge_warnings(&of, &["a".to_owned()], &potentials).pop().map(|(_, sentence)| sentence)
        };
        assert_eq!(said("He", 0, 3), None);
        let five = said("He", 0, 5).unwrap();
        assert!(five.starts_with("a computes it with charge 0 and spin multiplicity 5, which 2 electrons"), "{five}");
        assert_eq!(said("H", 1, 1), None, "a proton");
        assert!(said("H", 1, 3).unwrap().contains("spin multiplicity 3, which 0 electrons cannot have"));
        let bare = said("H", 3, 1).unwrap();
        assert_eq!(
            bare,
            "a computes it with charge 3, for which 2 electrons are missing; correct the charge of the structure"
        );
        assert_eq!(said("H", 0, 0), None, "0 says nothing");
        let most = [said("H", i32::MIN, i32::MAX as u32), said("H", i32::MAX, 1)];
        assert!(most.iter().all(Option::is_some), "{most:?}");
    }

    #[test]
    fn a_potential_that_panics_is_passed_over() {
        let inner = Arc::new(LennardJones::new(LennardJonesParameters::default()));
        let panics: Arc<dyn Potential> = Arc::new(Charged { inner, default: Some((0, 1)), panics: true });
        let labels = ["a", "b"].map(str::to_owned);
        let warnings = charge_warnings(&structure(&["H"], Some(1), Some(2)), &labels, &[panics, potential(None)]);
        assert_eq!(
            warnings,
            [(CHARGE_UNUSED.to_owned(), "the structure carries charge 1 and spin 2, unused by b".to_owned())]
        );
    }
}
