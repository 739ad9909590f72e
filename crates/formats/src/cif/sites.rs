//! Rows of the atom loop.

use super::block::{Block, Loop, Value};
use super::cell::Cell;
use super::element::{Reading, from_label, from_type_symbol, is_several};
use super::error::Warnings;
use super::formula::Formula;
use super::number::parse_number;
use super::structure::Coordinates;
use super::{CifClass, CifError};
use mlip_atoms::{Frame, Lattice, Species};
use std::collections::HashMap;

/// A row of the atom loop: one site of the asymmetric unit.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) species: Species,
    pub(crate) is_isotope: bool,
    pub(crate) occupancy: f64,
    /// One, or one within rounding or the uncertainty.
    pub(crate) is_full: bool,
    pub(crate) position: [f64; 3],
    pub(crate) line: u32,
    /// `_atom_site_symmetry_multiplicity`: how many images the author counted.
    pub(crate) multiplicity: Option<f64>,
}

/// The sites of a block and what its table says beside them.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    pub(crate) list: Vec<Site>,
    /// Line of the first site with hydrogens attached that have no site of their own.
    pub(crate) implicit_hydrogen: Option<u32>,
    /// Line of the first site of a second alternative.
    pub(crate) alternatives: Option<u32>,
}

/// Where the values of one tag come from.
#[derive(Debug, Clone, Copy)]
enum Column<'a> {
    Absent,
    /// Column of the table.
    At(usize),
    /// The only atom, given as plain items.
    Item(Value<'a>),
}

/// The atom loop, or the only atom as plain items.
struct Table<'b, 'a> {
    block: &'b Block<'a>,
    table: Option<&'b Loop<'a>>,
}

impl<'a> Table<'_, 'a> {
    fn column(&self, tag: &str, warnings: &mut Warnings) -> Result<Column<'a>, CifError> {
        Ok(match self.table {
            Some(table) => table.column(tag).map_or(Column::Absent, Column::At),
            None => self.block.find(tag, warnings)?.map_or(Column::Absent, Column::Item),
        })
    }

    fn get(&self, row: usize, column: Column<'a>) -> Option<Value<'a>> {
        match column {
            Column::Absent => None,
            Column::At(column) => self.table.and_then(|table| table.get(row, column)),
            Column::Item(value) => Some(value),
        }
    }
}

const FRACTIONAL: [&str; 3] = ["_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"];
const CARTESIAN: [&str; 3] = ["_atom_site_cartn_x", "_atom_site_cartn_y", "_atom_site_cartn_z"];

/// Reads all sites; those of occupancy zero and dummies are left out.
///
/// # Errors
/// When an atom has no coordinates, no element, or an impossible occupancy.
pub(crate) fn read_sites(
    block: &Block<'_>,
    cell: &Cell,
    formula: Option<&Formula>,
    written: Coordinates,
    warnings: &mut Warnings,
) -> Result<Sites, CifError> {
    let (tags, cartesian) = if block.has(FRACTIONAL[0]) { (FRACTIONAL, None) } else { (CARTESIAN, Some(())) };
    let source = Table { block, table: block.find_loop(tags[0])? };
    let start = source.table.map_or(block.line, |table| table.line);
    let n_rows = source.table.map_or(1, Loop::n_rows);
    if let Some(table) = source.table {
        table.check_complete()?;
    }
    let cartesian = match cartesian {
        Some(()) => Some(cartesian_axes(block, cell, start, warnings)?),
        None => None,
    };
    let mut at = |tag: &str| source.column(tag, warnings);
    let xyz = [at(tags[0])?, at(tags[1])?, at(tags[2])?];
    let (label, symbol) = (at("_atom_site_label")?, at("_atom_site_type_symbol")?);
    let (occupancy, multiplicity) = (at("_atom_site_occupancy")?, at("_atom_site_symmetry_multiplicity")?);
    let (flag, attached) = (at("_atom_site_calc_flag")?, at("_atom_site_attached_hydrogens")?);
    let (assembly, group) = (at("_atom_site_disorder_assembly")?, at("_atom_site_disorder_group")?);
    check_one_loop(block, source.table)?;

    let mut sites = Sites { list: Vec::with_capacity(n_rows), ..Sites::default() };
    // The first disorder group of each assembly.
    let mut groups: HashMap<String, String> = HashMap::new();
    for row in 0..n_rows {
        let present = |column| source.get(row, column).and_then(|value| value.present());
        let coordinates = xyz.map(|column| source.get(row, column));
        let line = coordinates[0].map_or(start, |value| value.line);
        if present(flag).is_some_and(|flag| flag.eq_ignore_ascii_case("dum")) {
            warnings.once(CifClass::SiteDropped, line, || "a dummy site (calc_flag dum) was left out".into());
            continue;
        }
        let mut position = read_position(coordinates, tags, line, warnings)?;
        position = match &cartesian {
            Some(axes) => axes.fractional(position),
            None => position.map(|x| written.read(x)),
        };
        let reading = read_element(present(symbol), present(label), formula, line, warnings)?;
        let (occupancy, is_full) = read_occupancy(source.get(row, occupancy), warnings)?;
        if occupancy.abs() < 1e-6 {
            warnings.once(CifClass::SiteDropped, line, || "a site of occupancy 0 was left out".into());
            continue;
        }
        // Counts in this column do not decide anything alone, so what is no number is no count.
        let count = |column| present(column).and_then(|text| text.parse::<f64>().ok());
        if reading.has_hydrogen || count(attached).is_some_and(|n| n > 0.0) {
            sites.implicit_hydrogen.get_or_insert(line);
        }
        if let Some(name) = present(group) {
            let assembly = present(assembly).unwrap_or_default().into_owned();
            let first = groups.entry(assembly).or_insert_with(|| name.clone().into_owned());
            if *first != name {
                sites.alternatives.get_or_insert(line);
            }
        }
        sites.list.push(Site {
            species: reading.species,
            is_isotope: reading.is_isotope,
            occupancy,
            is_full,
            position,
            line,
            multiplicity: count(multiplicity),
        });
    }
    if sites.list.is_empty() {
        return Err(CifError::new(CifClass::NoAtoms, start, "no site holds an atom", "add the atoms"));
    }
    Ok(sites)
}

/// The axes to which Cartesian coordinates refer: a along x, b in the xy plane, unless the file defines others.
fn cartesian_axes(block: &Block<'_>, cell: &Cell, line: u32, warnings: &mut Warnings) -> Result<Lattice, CifError> {
    let refuse =
        |cause: &str| CifError::new(CifClass::CartesianOnly, line, cause, "convert the coordinates to fractional ones");
    if block.has_prefix("_atom_sites_cartn_tran") {
        return Err(refuse("there are only Cartesian coordinates, with axes of their own"));
    }
    warnings.once(CifClass::CartesianOnly, line, || {
        "there are only Cartesian coordinates; converted for a along x and b in the xy plane".into()
    });
    Lattice::from_parameters(cell.lengths, cell.angles, Frame::Ase)
        .map_err(|_| refuse("there are only Cartesian coordinates, and the cell is too flat for them"))
}

/// Occupancies and elements in a loop of their own would be overlooked.
fn check_one_loop(block: &Block<'_>, table: Option<&Loop<'_>>) -> Result<(), CifError> {
    for tag in ["_atom_site_occupancy", "_atom_site_type_symbol"] {
        if let (Some(table), Some(other)) = (table, block.find_loop(tag)?)
            && table.line != other.line
            && table.column(tag).is_none()
        {
            return Err(CifError::new(
                CifClass::Syntax,
                other.line,
                format!("{tag} is in another loop than the coordinates (line {})", table.line),
                "put all columns of the atoms into one loop",
            ));
        }
    }
    Ok(())
}

fn read_position(
    coordinates: [Option<Value<'_>>; 3],
    tags: [&str; 3],
    line: u32,
    warnings: &mut Warnings,
) -> Result<[f64; 3], CifError> {
    let mut position = [0.0; 3];
    for ((slot, value), tag) in position.iter_mut().zip(coordinates).zip(tags) {
        let Some(value) = value.filter(|value| !value.is_absent()) else {
            return Err(CifError::new(
                CifClass::CoordsMissing,
                value.map_or(line, |value| value.line),
                format!("{tag} is not given for this atom"),
                "give its coordinates, or remove it if it is not there",
            ));
        };
        *slot = parse_number(&value, tag, warnings)?.value;
    }
    Ok(position)
}

fn read_element(
    symbol: Option<std::borrow::Cow<'_, str>>,
    label: Option<std::borrow::Cow<'_, str>>,
    formula: Option<&Formula>,
    line: u32,
    warnings: &mut Warnings,
) -> Result<Reading, CifError> {
    let reading = match (&symbol, &label) {
        (Some(symbol), _) => from_type_symbol(symbol, formula),
        (None, Some(label)) => from_label(label, formula),
        (None, None) => None,
    };
    let is_symbol = symbol.is_some();
    let name = symbol.or(label).unwrap_or_default();
    if is_several(&name, is_symbol, formula) {
        let short: String = name.chars().take(40).collect();
        return Err(CifError::new(
            CifClass::Disordered,
            line,
            format!("{short:?} names several elements, a part of an atom or a group of atoms"),
            "name one element a site in _atom_site_type_symbol; of mixed sites choose an ordered approximant and give that",
        ));
    }
    let Some(reading) = reading else {
        let short: String = name.chars().take(40).collect();
        return Err(CifError::new(
            CifClass::UnknownElement,
            line,
            format!("{short:?} is not a chemical element"),
            "name the element in _atom_site_type_symbol; list the atoms of a molecule one by one, leave out vacancies",
        ));
    };
    if reading.is_isotope {
        warnings.once(CifClass::Isotope, line, || {
            format!("{name:?} is an isotope of hydrogen: potentials see hydrogen, its mass matters in dynamics")
        });
    }
    if reading.is_ambiguous {
        warnings.once(CifClass::ElementAmbiguous, line, || {
            format!("the label {name:?} was read as {}; _atom_site_type_symbol would be certain", reading.species)
        });
    }
    Ok(reading)
}

/// The occupancy, and whether it stands for 1.
fn read_occupancy(value: Option<Value<'_>>, warnings: &mut Warnings) -> Result<(f64, bool), CifError> {
    const ROUNDING: f64 = 1e-3;
    let Some(value) = value.filter(|value| !value.is_absent()) else { return Ok((1.0, true)) };
    let number = parse_number(&value, "_atom_site_occupancy", warnings)?;
    let occupancy = number.value;
    if !(-1e-9..=1.05).contains(&occupancy) {
        return Err(CifError::new(
            CifClass::OccupancyInvalid,
            value.line,
            format!("the occupancy is {occupancy}, expected 0 to 1"),
            "correct it",
        ));
    }
    let excess = (occupancy - 1.0).abs();
    // A hair above the limit is the rounding of the subtraction.
    let is_full = excess <= ROUNDING.max(number.uncertainty) + 1e-12 && occupancy > 0.5;
    if is_full && excess > 0.0 {
        warnings.once(CifClass::OccupancyRounded, value.line, || format!("the occupancy {occupancy} was taken as 1"));
    }
    Ok((occupancy, is_full))
}
