//! Scores a reading of a file against its golden structure.

use mlip_atoms::{Frame, Lattice, Species};
use mlip_formats::cif::{CifOptions, parse_cif};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

/// Cell and sites.
type Reference = ([f64; 6], Vec<(Species, [f64; 3])>);

/// What is expected of a file.
#[derive(Debug, Clone)]
pub(crate) struct Golden {
    pub(crate) file: String,
    expect: String,
    classes: Vec<String>,
    tolerance: f64,
    must_report_formula: bool,
    structure: Option<Reference>,
}

/// One golden a line; `same_as` names an earlier one with the same structure.
pub(crate) fn read_goldens(path: &Path) -> Vec<Golden> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut structures: HashMap<String, Option<Reference>> = HashMap::new();
    text.lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let file = text("file");
            let structure = match row["same_as"].as_str() {
                Some(other) => structures[other].clone(),
                None if row["expect"] == "error" => None,
                None => Some(structure(&row)),
            };
            structures.insert(file.clone(), structure.clone());
            Golden {
                file,
                expect: text("expect"),
                classes: text("class").split('|').map(str::to_owned).collect(),
                tolerance: row["tol_A"].as_f64().unwrap().max(0.005) + 0.002,
                must_report_formula: row["formula_matches"] == false,
                structure,
            }
        })
        .collect()
}

fn structure(row: &Value) -> Reference {
    let cell: Vec<f64> = row["cell"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let site = |text: &Value| {
        let words: Vec<&str> = text.as_str().unwrap().split(' ').collect();
        let symbol = if matches!(words[0], "D" | "T") { "H" } else { words[0] };
        let xyz = [words[1], words[2], words[3]].map(|word| word.parse().unwrap());
        (Species::from_symbol(symbol).unwrap(), xyz)
    };
    (cell.try_into().unwrap(), row["sites"].as_array().unwrap().iter().map(site).collect())
}

/// `Err` says what is wrong.
pub(crate) fn score(golden: &Golden, bytes: &[u8]) -> Result<(), String> {
    let read = match parse_cif(bytes, &CifOptions::default()) {
        Ok(read) if golden.expect == "error" => {
            return Err(format!("{} atoms instead of {:?}", read.structure.n_atoms(), golden.classes));
        }
        Ok(read) => read,
        Err(error) if matches!(golden.expect.as_str(), "accept" | "warn") => {
            return Err(format!("refused: {} {error}", error.class));
        }
        Err(error) if golden.classes.iter().any(|class| class == error.class.name()) => return Ok(()),
        Err(error) => return Err(format!("refused as {} instead of {:?}", error.class, golden.classes)),
    };
    let warned = |class: &str| read.warnings.iter().any(|warning| warning.class.name() == class);
    match golden.expect.as_str() {
        "warn" if !golden.classes.iter().any(|class| warned(class)) => return Err("warning missing".into()),
        "either" if read.warnings.is_empty() => return Err("accepted without a warning".into()),
        _ => {}
    }
    if golden.must_report_formula && !warned("formula_mismatch") {
        return Err("formula_mismatch missing".into());
    }
    let (cell, sites) = golden.structure.as_ref().expect("accepted files have a golden structure");
    let (lengths, angles) = read.parameters;
    for (k, got) in lengths.into_iter().chain(angles).enumerate() {
        let tolerance = if k < 3 { 2e-3 } else { 2e-2 };
        if (got - cell[k]).abs() > tolerance {
            return Err(format!("cell {got} instead of {}", cell[k]));
        }
    }
    let got: Vec<_> = read.structure.species().iter().zip(read.structure.fractional()).collect();
    compare(cell, sites, &got, golden.tolerance)
}

fn compare(
    cell: &[f64; 6],
    sites: &[(Species, [f64; 3])],
    got: &[(&Species, &[f64; 3])],
    tolerance: f64,
) -> Result<(), String> {
    if sites.len() != got.len() {
        return Err(format!("{} atoms instead of {}", got.len(), sites.len()));
    }
    let [a, b, c, alpha, beta, gamma] = *cell;
    let lattice = Lattice::from_parameters([a, b, c], [alpha, beta, gamma], Frame::Ase).unwrap();
    let mut used = vec![false; got.len()];
    for (species, x) in sites {
        let found = got
            .iter()
            .enumerate()
            .position(|(k, (other, y))| !used[k] && *other == species && distance(&lattice, *x, **y) <= tolerance);
        match found {
            Some(k) => used[k] = true,
            None => return Err(format!("no {species} at {x:?}")),
        }
    }
    Ok(())
}

/// Shortest distance between two positions and their images.
fn distance(lattice: &Lattice, x: [f64; 3], y: [f64; 3]) -> f64 {
    let d: [f64; 3] = std::array::from_fn(|k| (x[k] - y[k]) - (x[k] - y[k]).round());
    let mut nearest = f64::INFINITY;
    for i in -1..=1 {
        for j in -1..=1 {
            for k in -1..=1 {
                let v = lattice.cartesian([d[0] + f64::from(i), d[1] + f64::from(j), d[2] + f64::from(k)]);
                nearest = nearest.min((v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt());
            }
        }
    }
    nearest
}
