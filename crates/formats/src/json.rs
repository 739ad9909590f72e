//! pymatgen's JSON: what `Structure.as_dict()` gives.
//!
//! ```text
//! {"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0,
//!  "lattice": {"matrix": [[4.2, 0, 0], [0, 4.2, 0], [0, 0, 4.2]], "pbc": [true, true, true]},
//!  "sites": [{"species": [{"element": "Na", "occu": 1}], "abc": [0, 0, 0], "xyz": [0, 0, 0], "label": "Na"}, …]}
//! ```
//!
//! Also where it stands under the key `structure` of something else (a computed entry, a document of a database). `abc`
//! counts where both kinds of coordinates are there; all keys but these are ignored. Axes are kept as they are.
//!
//! `charge` is kept where it is a whole number other than 0 (pymatgen always writes one, and takes the sum of oxidation
//! states where none was set); `charge` and `spin` of `properties` are kept whatever they are, and count first.

use crate::Parsed;
use crate::cif::element_of_symbol;
use crate::json_of_python::without_nan;
use crate::text::{MAX_ATOMS, failure, spin, whole, whole_number};
use mlip_atoms::{Failure, FailureKind, Frame, Lattice, Species, Structure};
use serde::Deserialize;
use serde_json::error::Category;

const SYNTAX: &str = "json_syntax";
const STRUCTURE: &str = "json_structure";
const AS_DICT: &str = "write it as pymatgen's Structure.as_dict() gives it";

#[derive(Deserialize)]
struct Document {
    structure: Option<Box<Document>>,
    lattice: Option<Cell>,
    sites: Option<Vec<Site>>,
    charge: Option<f64>,
    properties: Option<serde_json::Value>,
}

const NO_NUMBER: &str = "a number that is needed is NaN, Infinity or null";
const NUMBERS: &str = "write numbers for lattice, coordinates and occupancies";

#[derive(Deserialize)]
struct Cell {
    matrix: Option<[[f64; 3]; 3]>,
    a: Option<f64>,
    b: Option<f64>,
    c: Option<f64>,
    alpha: Option<f64>,
    beta: Option<f64>,
    gamma: Option<f64>,
    pbc: Option<[bool; 3]>,
}

#[derive(Deserialize)]
struct Site {
    species: Vec<Occupant>,
    abc: Option<[f64; 3]>,
    /// Needed, and so numbers, where there is no `abc`.
    xyz: Option<[Option<f64>; 3]>,
}

#[derive(Deserialize)]
struct Occupant {
    element: String,
    /// Not to be null, or what becomes null: an occupancy that is no number is not one.
    #[serde(default = "whole_atom")]
    occu: f64,
}

fn whole_atom() -> f64 {
    1.0
}

/// Reads a structure, or a list of one; `frame` says where the axes of a cell without a matrix point.
///
/// # Errors
/// When it is no JSON, no structure, or a disordered one.
pub fn parse_json(bytes: &[u8], frame: Frame) -> Result<Parsed, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match parse(bytes, frame) {
        // Python writes and reads NaN and Infinity, which JSON does not have. Where they stand in what is read, null is
        // refused.
        Err(failure) if failure.kind == FailureKind::Cif(SYNTAX.into()) => match without_nan(bytes) {
            Some(text) => parse(&text, frame),
            None => Err(failure),
        },
        read => read,
    }
}

fn parse(bytes: &[u8], frame: Frame) -> Result<Parsed, Failure> {
    let refused = |error| refuse(bytes, &error);
    let mut document = if bytes.trim_ascii_start().first() == Some(&b'[') {
        let mut list: Vec<Document> = serde_json::from_slice(bytes).map_err(refused)?;
        match (list.pop(), list.len()) {
            (Some(document), 0) => document,
            (None, _) => return Err(failure(STRUCTURE, 1, "the list is empty", AS_DICT)),
            (Some(_), n) => {
                let cause = format!("this is a list of {} structures where one is expected", n + 1);
                return Err(failure(STRUCTURE, 1, cause, "give each a row of its own"));
            }
        }
    } else {
        serde_json::from_slice(bytes).map_err(refused)?
    };
    while let Some(inner) = document.structure.take() {
        document = *inner;
    }
    let mut remarks = Remarks::default();
    let Some(cell) = document.lattice else {
        let cause = "there is no key lattice: a molecule, or no structure";
        return Err(failure("cell_missing", 1, cause, AS_DICT));
    };
    let Some(sites) = document.sites else { return Err(failure("no_atoms", 1, "there is no key sites", AS_DICT)) };
    if sites.len() > MAX_ATOMS {
        let cause = format!("{} sites are more than {MAX_ATOMS}", sites.len());
        return Err(failure("too_large", 1, cause, "choose a smaller cell"));
    }
    let properties = document.properties.as_ref();
    let charge = match property(properties, "charge")? {
        Some(charge) => Some(charge),
        None => charge_of_cell(document.charge, &mut remarks),
    };
    let spin = property(properties, "spin")?.map(|value| spin(value, 1)).transpose()?;
    if let Some(pbc) = cell.pbc.filter(|pbc| pbc.contains(&false)) {
        let message = || format!("pbc is {pbc:?}; the structure is computed as periodic in all three directions");
        remarks.once("not_periodic", message);
    }
    let lattice = cell.lattice(frame)?;
    let (mut species, mut positions) = (Vec::with_capacity(sites.len()), Vec::with_capacity(sites.len()));
    for (number, site) in sites.iter().enumerate() {
        let Some(one) = occupant(number, &site.species, &mut remarks)? else { continue };
        species.push(one);
        positions.push(match (site.abc, site.xyz) {
            (Some(fractional), _) => fractional,
            (None, Some([Some(x), Some(y), Some(z)])) => lattice.fractional([x, y, z]),
            (None, Some(_)) => return Err(failure(STRUCTURE, 1, NO_NUMBER, NUMBERS)),
            (None, None) => {
                let cause = format!("site {number} has neither abc nor xyz");
                return Err(failure("coords_missing", 1, cause, "give its coordinates, or remove it"));
            }
        });
    }
    if species.is_empty() {
        return Err(failure("no_atoms", 1, "no site holds an atom", "add the atoms"));
    }
    let structure = Structure::new(lattice, species, positions)
        .map_err(|error| failure("bad_number", 1, error.to_string(), "correct the coordinates"))?;
    Ok((structure.with_charge(charge).with_spin(spin), remarks.0))
}

/// The whole number under this name among the properties of a structure.
fn property(properties: Option<&serde_json::Value>, name: &str) -> Result<Option<i32>, Failure> {
    match properties.and_then(|properties| properties.get(name)) {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(text)) => whole(text, 1, name).map(Some),
        Some(value) => match value.as_f64().and_then(whole_number) {
            Some(number) => Ok(Some(number)),
            None => whole(&value.to_string(), 1, name).map(Some),
        },
    }
}

/// The charge of the cell; none where it is 0, which is written where nothing is known.
fn charge_of_cell(charge: Option<f64>, remarks: &mut Remarks) -> Option<i32> {
    // A sum of oxidation states may be a hair off.
    const ROUNDING: f64 = 1e-6;
    let charge = charge?;
    let whole = whole_number(charge.round()).filter(|whole| (f64::from(*whole) - charge).abs() <= ROUNDING);
    if whole.is_none() {
        remarks
            .once("charge_ignored", || format!("the charge of the cell is {charge}, no whole number: it is not used"));
    }
    whole.filter(|charge| *charge != 0)
}

impl Cell {
    fn lattice(&self, frame: Frame) -> Result<Lattice, Failure> {
        let built = match self {
            Self { matrix: Some(vectors), .. } => Lattice::from_vectors(*vectors),
            Self {
                a: Some(a),
                b: Some(b),
                c: Some(c),
                alpha: Some(alpha),
                beta: Some(beta),
                gamma: Some(gamma),
                ..
            } => Lattice::from_parameters([*a, *b, *c], [*alpha, *beta, *gamma], frame),
            _ => {
                let cause = "the lattice has neither a matrix nor all of a, b, c, alpha, beta, gamma";
                return Err(failure("cell_missing", 1, cause, AS_DICT));
            }
        };
        built.map_err(|error| failure("cell_invalid", 1, error.to_string(), "correct the lattice"))
    }
}

/// The one element of a site, in the way that occupancies of CIFs are taken; nothing for a site that is empty.
fn occupant(number: usize, species: &[Occupant], remarks: &mut Remarks) -> Result<Option<Species>, Failure> {
    const ROUNDING: f64 = 1e-3;
    let (mut found, mut total, mut is_mixed) = (None, 0.0, false);
    for Occupant { element, occu } in species {
        let occupancy = *occu;
        if !(-1e-9..=1.05).contains(&occupancy) {
            let cause = format!("the occupancy of {element:?} on site {number} is {occupancy}, expected 0 to 1");
            return Err(failure("occupancy_invalid", 1, cause, "correct it"));
        }
        if occupancy < 1e-6 {
            continue;
        }
        let Some((one, is_isotope)) = element_of_symbol(element) else {
            let cause = format!("{element:?} on site {number} is not a chemical element");
            return Err(failure("unknown_element", 1, cause, "name the element; leave out vacancies and dummies"));
        };
        if is_isotope {
            remarks.once("isotope", || {
                format!("{element:?} is an isotope of hydrogen: potentials see hydrogen, its mass matters in dynamics")
            });
        }
        is_mixed |= found.is_some_and(|known| known != (one, is_isotope));
        found = Some((one, is_isotope));
        total += occupancy;
    }
    let Some((one, _)) = found else {
        remarks.once("site_dropped", || format!("site {number}, of occupancy 0, was left out"));
        return Ok(None);
    };
    let excess = (total - 1.0).abs();
    // A hair above the limit is the rounding of the sum.
    if is_mixed || excess > ROUNDING + 1e-12 {
        let listed = species.iter().map(|one| format!("{} {}", one.element, one.occu));
        let cause =
            format!("site {number} is not filled by exactly one atom: {}", listed.collect::<Vec<_>>().join(", "));
        let remedy = "choose an ordered approximant (a supercell with whole atoms) and give that";
        return Err(failure("disordered", 1, cause, remedy));
    }
    if excess > 1e-12 {
        remarks.once("occupancy_rounded", || format!("the occupancy {total} was taken as 1"));
    }
    Ok(Some(one))
}

/// Class and sentence, one a class.
#[derive(Default)]
struct Remarks(Vec<(String, String)>);

impl Remarks {
    fn once(&mut self, class: &str, message: impl FnOnce() -> String) {
        if !self.0.iter().any(|(known, _)| known == class) {
            self.0.push((class.to_owned(), message()));
        }
    }
}

fn refuse(bytes: &[u8], error: &serde_json::Error) -> Failure {
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
    // Lines within the text, which may lie deep in a file: the record has a column for the line.
    let cause = error.to_string();
    let cause = cause.rsplit_once(" at line ").map_or(cause.as_str(), |(cause, _)| cause);
    let inside = bytes.trim_ascii_start().get(1..).unwrap_or_default().trim_ascii_start();
    match error.classify() {
        Category::Data if cause.contains("null, expected f64") => failure(STRUCTURE, line, NO_NUMBER, NUMBERS),
        Category::Data => failure(STRUCTURE, line, cause, AS_DICT),
        Category::Eof => failure(SYNTAX, line, cause, "the text is cut short: fetch or write it again"),
        _ if inside.first() == Some(&b'\'') => {
            failure(SYNTAX, line, cause, "names stand in single quotes: write it with json.dumps(), not with str()")
        }
        _ => failure(SYNTAX, line, cause, "this is no JSON, or a broken one: write it again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = r#"{"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0, "properties": {},
        "lattice": {"matrix": [[4.1, 0, 0], [0, 5, 0], [1, 0, 6]], "pbc": [true, true, true], "a": 4.1, "volume": 123.0},
        "sites": [
            {"species": [{"element": "Na", "oxidation_state": 1, "occu": 1}], "abc": [0.1, -0.0, 1.7], "xyz": [9, 9, 9],
             "properties": {"magmom": 0.5}, "label": "Na+"},
            {"species": [{"element": "Cl1-", "occu": 1.0}], "xyz": [1.0, 2.5, 3.0]}]}"#;

    fn read(text: &str) -> Result<Parsed, Failure> {
        parse_json(text.as_bytes(), Frame::default())
    }

    #[test]
    fn a_structure_is_read_with_its_own_axes_and_every_bit_of_its_coordinates() {
        let (structure, remarks) = read(SALT).unwrap();
        assert_eq!(structure.formula(), "ClNa");
        assert_eq!(structure.lattice().vectors(), &[[4.1, 0.0, 0.0], [0.0, 5.0, 0.0], [1.0, 0.0, 6.0]]);
        assert_eq!(structure.fractional()[0].map(f64::to_bits), [0.1f64, -0.0, 1.7].map(f64::to_bits));
        assert_eq!(structure.fractional()[1], structure.lattice().fractional([1.0, 2.5, 3.0]));
        assert_eq!(remarks, []);
        // What is not needed may be anything.
        let (same, _) = read(&SALT.replace("[9, 9, 9]", "[NaN, 9, null]")).unwrap();
        assert_eq!(same.fractional(), structure.fractional());
        let failure = read(&SALT.replace("[1.0, 2.5, 3.0]", "[1.0, NaN, 3.0]")).unwrap_err();
        assert!(failure.message.contains(NO_NUMBER), "{}", failure.message);
        // Where the quick way of reading numbers is one bit off.
        let exact = SALT.replace("[0.1,", "[0.19844004278856286,").replace("1.7", "0.9796215956506859");
        let (structure, _) = read(&exact).unwrap();
        assert_eq!(structure.fractional()[0], [0.198_440_042_788_562_86, 0.0, 0.979_621_595_650_685_9]);
    }

    #[test]
    fn a_structure_may_stand_in_a_list_of_one_or_within_a_document() {
        let expected = read(SALT).unwrap();
        let document = format!(r#"{{"material_id": "mp-1", "structure": {SALT}, "lattice": null}}"#);
        for text in [format!("\u{feff} [{SALT}]"), document.clone(), format!("[{document}]")] {
            assert_eq!(read(&text).unwrap(), expected);
        }
    }

    #[test]
    fn a_cell_without_a_matrix_is_built_in_the_frame_of_the_run() {
        let matrix = r#""matrix": [[4.1, 0, 0], [0, 5, 0], [1, 0, 6]]"#;
        let text = SALT.replace(matrix, r#""b": 5, "c": 6, "alpha": 80, "beta": 90, "gamma": 100"#);
        for frame in [Frame::Pymatgen, Frame::Ase] {
            let (structure, _) = parse_json(text.as_bytes(), frame).unwrap();
            let expected = Lattice::from_parameters([4.1, 5.0, 6.0], [80.0, 90.0, 100.0], frame).unwrap();
            assert_eq!(structure.lattice(), &expected);
        }
    }

    #[test]
    fn occupancies_are_taken_as_those_of_cifs() {
        let with = |species: &str| {
            let text = SALT.replace(r#"{"element": "Cl1-", "occu": 1.0}"#, species);
            assert_ne!(text, SALT);
            match read(&text) {
                Ok((structure, remarks)) => {
                    let classes: Vec<_> = remarks.into_iter().map(|(class, _)| class).collect();
                    format!("{} {}", structure.formula(), classes.join(" "))
                }
                Err(failure) => failure.kind.to_string(),
            }
        };
        assert_eq!(with(r#"{"element": "Fe", "occu": 0.5}"#), "disordered");
        assert_eq!(with(r#"{"element": "Fe", "occu": 0.5}, {"element": "Ni", "occu": 0.5}"#), "disordered");
        assert_eq!(with(r#"{"element": "H", "occu": 0.5}, {"element": "D", "occu": 0.5}"#), "disordered");
        assert_eq!(with(r#"{"element": "Fe2+", "occu": 0.5}, {"element": "Fe3+", "occu": 0.5}"#), "FeNa ");
        assert_eq!(with(r#"{"element": "Fe"}, {"element": "Ni", "occu": 0}"#), "FeNa ");
        assert_eq!(with(r#"{"element": "Fe", "occu": 0.9995}"#), "FeNa occupancy_rounded");
        assert_eq!(with(r#"{"element": "D", "occu": 1}"#), "HNa isotope");
        assert_eq!(with(r#"{"element": "Fe", "occu": 0}"#), "Na site_dropped");
        assert_eq!(with(""), "Na site_dropped");
        assert_eq!(with(r#"{"element": "Fe", "occu": 1.5}"#), "occupancy_invalid");
        assert_eq!(with(r#"{"element": "X0+", "occu": 1}"#), "unknown_element");
    }

    #[test]
    fn numbers_that_python_writes_and_json_lacks_do_no_harm_where_nobody_reads_them() {
        let expected = read(SALT).unwrap();
        for (from, to) in [
            ("\"magmom\": 0.5", "\"magmom\": NaN"),
            ("\"volume\": 123.0", "\"volume\": Infinity"),
            ("\"properties\": {},", "\"properties\": {\"gap\": -Infinity, \"a\\\\\": [NaN, \"NaN\\\"\", NaN]},"),
            ("\"label\": \"Na+\"", "\"label\": \"NaN\", \"energy\": NaN"),
        ] {
            let text = SALT.replacen(from, to, 1);
            assert_ne!(text, SALT);
            assert_eq!(read(&text).unwrap(), expected, "{to}");
        }
    }

    #[test]
    fn what_is_not_computed_is_said() {
        let text =
            SALT.replace("\"charge\": 0", "\"charge\": -0.5").replace("[true, true, true]", "[true, true, false]");
        let (structure, remarks) = read(&text).unwrap();
        let classes: Vec<_> = remarks.into_iter().map(|(class, _)| class).collect();
        assert_eq!(classes, ["charge_ignored", "not_periodic"]);
        assert_eq!(structure.charge(), None);
    }

    #[test]
    fn charge_and_spin_come_with_the_structure_and_its_properties_count_first() {
        let read_with = |charge: &str, properties: &str| {
            let charge = format!("\"charge\": {charge}, \"properties\": {properties}");
            read(&SALT.replacen("\"charge\": 0, \"properties\": {}", &charge, 1))
        };
        let of = |charge: &str, properties: &str| {
            read_with(charge, properties).map(|(structure, _)| (structure.charge(), structure.spin())).unwrap()
        };
        // What pymatgen writes where nothing is known.
        assert_eq!(of("0", "{}"), (None, None));
        assert_eq!(of("-1.0000000001", "{}"), (Some(-1), None));
        assert_eq!(of("-1", r#"{"charge": 0, "spin": 2.0, "other": [1]}"#), (Some(0), Some(2)));
        assert_eq!(of("null", r#"{"charge": null, "spin": "3"}"#), (None, Some(3)));
        let refused = |properties: &str| read_with("0", properties).unwrap_err().message;
        let message =
            "charge is \"abc\", which is not a whole number; write a whole number, for example -1, or leave it out";
        assert_eq!(refused(r#"{"charge": "abc"}"#), message);
        assert!(
            refused(r#"{"spin": [1]}"#).contains("spin is \"[1]\"")
                && refused(r#"{"spin": -1}"#).contains("no multiplicity")
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_a_remedy() {
        let of = |text: &str, kind: &str, line: u32, part: &str| {
            let failure = read(text).unwrap_err();
            assert_eq!((failure.kind.to_string().as_str(), failure.line), (kind, Some(line)), "{}", failure.message);
            assert!(failure.message.contains(part) && failure.message.contains("; "), "{}", failure.message);
            assert!(!failure.message.contains(" at line "), "{}", failure.message);
        };
        of("", SYNTAX, 1, "cut short");
        of(&SALT[..SALT.len() - 20], SYNTAX, 6, "cut short");
        of(&SALT.replace("0.1,", "NaN,"), STRUCTURE, 4, "NaN");
        of(&SALT.replace("4.1, 0, 0", "4.1, 0, -Infinity"), STRUCTURE, 2, "NaN");
        of(&SALT.replace("\"occu\": 1.0", "\"occu\": NaN"), STRUCTURE, 6, "NaN");
        of(&SALT.replace("0.1,", "Nan,"), SYNTAX, 4, "write it again");
        of(&SALT.replace("0.1,", "1e999,"), SYNTAX, 4, "out of range");
        of(&SALT.replace('"', "'"), SYNTAX, 1, "json.dumps()");
        of(&format!("{SALT} {SALT}"), SYNTAX, 6, "trailing");
        of(&SALT.replace("0.1,", "\"x\","), STRUCTURE, 4, "invalid type");
        of(&SALT.replace("[0.1, -0.0, 1.7]", "[0.1, -0.0]"), STRUCTURE, 4, "as_dict()");
        of("[]", STRUCTURE, 1, "empty");
        of(&format!("[{SALT}, {SALT}]"), STRUCTURE, 1, "2 structures");
        of("7", STRUCTURE, 1, "invalid type");
        of(r#"{"@class": "Molecule", "sites": []}"#, "cell_missing", 1, "molecule");
        of(&SALT.replace("matrix", "vectors"), "cell_missing", 1, "neither a matrix");
        of(&SALT.replace("[0, 5, 0]", "[0, 0, 0]"), "cell_invalid", 1, "lattice");
        of(&SALT.replace("\"xyz\": [1", "\"at\": [1"), "coords_missing", 1, "site 1");
        of(&SALT.replace("\"sites\"", "\"atoms\""), "no_atoms", 1, "sites");
        of(r#"{"lattice": {"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}, "sites": []}"#, "no_atoms", 1, "atoms");
    }
}
