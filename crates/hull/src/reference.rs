//! Energies that elements are counted from.

use crate::composition::{Composition, ElementSet, parse_element};
use mlip_atoms::Species;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// LeMat-GenBench's table; `data/README.md` says where it is from.
const GENBENCH: &str = include_str!("../data/genbench_element_chem_pot.json");

/// Why a file of reference energies cannot be used.
#[derive(Debug, Error)]
pub enum ReferenceError {
    /// The file cannot be read.
    #[error("cannot read the reference energies in `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The text is no JSON.
    #[error("`{}` is no JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The text is no CSV.
    #[error("`{}` is no CSV with `element,energy`", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: csv::Error,
    },
    /// An element that the periodic table does not have, or one that is there twice.
    #[error("`{}`{}: `{symbol}` is {problem}", path.display(), line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Element {
        /// The file.
        path: PathBuf,
        /// Its line, in a CSV.
        line: Option<u64>,
        /// What stands there.
        symbol: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No element at all.
    #[error("`{}` has no reference energies: no element has one", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// An energy that is not a finite number, or several of which none is said to be meant.
    #[error("`{}`: the energy of {element} is `{found}`; expected a number in eV/atom, or an object with one", path.display())]
    Energy {
        /// The file.
        path: PathBuf,
        /// Whose energy.
        element: Species,
        /// What stands there.
        found: String,
    },
}

/// Elements of a composition that have no reference energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no reference energy for {elements}")]
pub struct MissingReferences {
    /// These.
    pub elements: ElementSet,
}

/// A reference energy for each of some elements, eV/atom: what a formation energy is counted from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferenceEnergies(BTreeMap<Species, f64>);

impl ReferenceEnergies {
    /// Those of LeMat-GenBench: PBE energies of 89 elements.
    ///
    /// # Errors
    /// Never, as long as the table in the program is whole; a test reads it.
    pub fn genbench() -> Result<Self, ReferenceError> {
        parse_json(GENBENCH, Path::new("genbench"))
    }

    /// From a file: JSON (`{"Ac": -4.1}` or `{"Ac": {"pbe": -4.1}}`) if its name ends so, else CSV with the element in the
    /// first column and the energy in the second. A first row is a heading if it begins with no element and its second
    /// field is no number; blank lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// When the file cannot be read, says something else, names an element twice or none.
    pub fn read(path: &Path) -> Result<Self, ReferenceError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ReferenceError::Io { path: path.to_owned(), source })?;
        let read = match path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            true => parse_json(&text, path),
            false => parse_csv(&text, path),
        }?;
        if read.0.is_empty() {
            return Err(ReferenceError::Empty { path: path.to_owned() });
        }
        Ok(read)
    }

    /// From elements and energies, eV/atom; of an element that is there twice the last one counts.
    pub fn from_energies(energies: impl IntoIterator<Item = (Species, f64)>) -> Self {
        Self(energies.into_iter().collect())
    }

    /// The reference energy of an element, eV/atom.
    pub fn of(&self, element: Species) -> Option<f64> {
        self.0.get(&element).copied()
    }

    /// Elements that have one.
    pub fn elements(&self) -> ElementSet {
        self.0.keys().copied().collect()
    }

    /// Formation energy, eV/atom: (E − Σ n μ) / N, with the total energy E of the cell in eV, its n atoms of each element
    /// and its N atoms.
    ///
    /// # Errors
    /// When elements have no reference: all of them are named.
    pub fn formation_energy(&self, composition: &Composition, energy_ev: f64) -> Result<f64, MissingReferences> {
        let missing: ElementSet =
            composition.elements().iter().filter(|element| !self.0.contains_key(element)).collect();
        if !missing.is_empty() {
            return Err(MissingReferences { elements: missing });
        }
        // By fractions, not by amounts, so that a supercell has the same bits as its cell.
        let amounts = composition.amounts().iter().zip(composition.fractions());
        let reference: f64 = amounts.filter_map(|((element, _), part)| Some(part * self.of(*element)?)).sum();
        Ok(energy_ev / composition.n_atoms() - reference)
    }
}

fn parse_json(text: &str, path: &Path) -> Result<ReferenceEnergies, ReferenceError> {
    let fail = |source| ReferenceError::Json { path: path.to_owned(), source };
    let Pairs(table) = serde_json::from_str(text).map_err(fail)?;
    let mut energies = BTreeMap::new();
    for (symbol, value) in table {
        let element = element(&symbol, path, None)?;
        // One functional is enough to know what is meant; of several none is.
        let energy = match &value {
            Value::Object(of_functionals) if of_functionals.len() == 1 => {
                of_functionals.values().next().and_then(Value::as_f64)
            }
            other => other.as_f64(),
        };
        let energy =
            energy.ok_or_else(|| ReferenceError::Energy { path: path.into(), element, found: value.to_string() })?;
        insert(&mut energies, element, energy, path, None)?;
    }
    Ok(ReferenceEnergies(energies))
}

/// The members of a JSON object as they are written, those of the same name too: a map would keep the last of them.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of elements")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

fn parse_csv(text: &str, path: &Path) -> Result<ReferenceEnergies, ReferenceError> {
    let fail = |source| ReferenceError::Csv { path: path.to_owned(), source };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut energies = BTreeMap::new();
    for (position, record) in reader.records().enumerate() {
        let record = record.map_err(fail)?;
        let line = record.position().map(csv::Position::line);
        let (symbol, found) = (record.get(0).unwrap_or_default(), record.get(1).unwrap_or_default());
        let energy = found.parse::<f64>().ok().filter(|energy| energy.is_finite());
        if position == 0 && energy.is_none() && parse_element(symbol).is_err() {
            continue;
        }
        let element = element(symbol, path, line)?;
        let energy =
            energy.ok_or_else(|| ReferenceError::Energy { path: path.into(), element, found: found.into() })?;
        insert(&mut energies, element, energy, path, line)?;
    }
    Ok(ReferenceEnergies(energies))
}

fn element(symbol: &str, path: &Path, line: Option<u64>) -> Result<Species, ReferenceError> {
    Species::from_symbol(symbol).ok_or_else(|| ReferenceError::Element {
        path: path.into(),
        line,
        symbol: symbol.into(),
        problem: "no element",
    })
}

fn insert(
    energies: &mut BTreeMap<Species, f64>,
    element: Species,
    energy: f64,
    path: &Path,
    line: Option<u64>,
) -> Result<(), ReferenceError> {
    match energies.insert(element, energy) {
        None => Ok(()),
        Some(_) => Err(ReferenceError::Element {
            path: path.into(),
            line,
            symbol: element.symbol().into(),
            problem: "there twice",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composition::parse_composition;

    fn iron_oxide(reference: &ReferenceEnergies) -> Result<f64, MissingReferences> {
        reference.formation_energy(&parse_composition("Fe4 O6").unwrap(), -70.0)
    }

    #[test]
    fn the_preset_of_genbench_has_89_elements() {
        let reference = ReferenceEnergies::genbench().unwrap();
        assert_eq!(reference.elements().len(), 89);
        assert_eq!(reference.of(Species::from_symbol("Al").unwrap()), Some(-3.7425608725));
    }

    #[test]
    fn both_forms_of_json_and_csv_say_the_same() {
        let path = Path::new("x");
        let flat = parse_json(r#"{"Fe": -8.0, "O": -5}"#, path).unwrap();
        let nested = parse_json(r#"{"Fe": {"pbe": -8.0}, "O": {"pbe": -5.0}}"#, path).unwrap();
        let csv = parse_csv("element,energy_ev_per_atom\nFe, -8.0\nO,-5.0\n", path).unwrap();
        let bare = parse_csv("Fe,-8.0\nO,-5.0\n", path).unwrap();
        assert!(flat == nested && nested == csv && csv == bare);
        assert!((iron_oxide(&flat).unwrap() - (-70.0 + 4.0 * 8.0 + 6.0 * 5.0) / 10.0).abs() < 1e-12);
    }

    #[test]
    fn elements_without_reference_are_named() {
        let error = iron_oxide(&ReferenceEnergies::from_energies([])).unwrap_err();
        assert_eq!(error.to_string(), "no reference energy for O, Fe");
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named() {
        let path = Path::new("x");
        let csv = |text| parse_csv(text, path).unwrap_err().to_string();
        let json = |text| parse_json(text, path).unwrap_err().to_string();
        assert_eq!(csv("element,energy\nXx,1\n"), "`x`, line 2: `Xx` is no element");
        assert_eq!(csv("Fe,1\nFe,2\n"), "`x`, line 2: `Fe` is there twice");
        assert!(csv("Fe,\n").contains("the energy of Fe is ``"));
        assert!(json(r#"{"Fe": {"pbe": 1, "scan": 2}}"#).contains("the energy of Fe is `{\"pbe\":1,\"scan\":2}`"));
        assert!(json(r#"{"Fe": null}"#).contains("`null`"));
        assert_eq!(json(r#"{"Fe": 1, "O": 3, "Fe": 2}"#), "`x`: `Fe` is there twice");
        assert_eq!(json("[]"), "`x` is no JSON");
    }

    #[test]
    fn a_file_without_an_element_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a.csv", ""), ("b.csv", "# nothing\nelement,energy\n"), ("c.json", "{}")] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let error = ReferenceEnergies::read(&path).unwrap_err().to_string();
            assert!(error.ends_with("has no reference energies: no element has one"), "{error}");
        }
    }
}
