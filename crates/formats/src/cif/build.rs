//! From a block to a structure.

use super::block::Block;
use super::cell::read_cell;
use super::choose::{Evidence, choose};
use super::document::Document;
use super::error::Warnings;
use super::expand::ROUNDED;
use super::formula::Formula;
use super::merge::merge;
use super::number::parse_number;
use super::sites::{Sites, read_sites};
use super::symmetry::read_symmetry;
use super::{CifClass, CifError, CifOptions, CifStructure};
use mlip_atoms::{Species, Structure};
use std::collections::BTreeMap;

/// The first block that has a cell and atoms.
///
/// # Errors
/// When there is none: the class says what is missing.
pub(crate) fn choose_block<'d, 'a>(
    document: &'d Document<'a>,
    warnings: &mut Warnings,
) -> Result<&'d Block<'a>, CifError> {
    let blocks = &document.blocks;
    if blocks.is_empty() {
        return Err(CifError::new(CifClass::Empty, None, "the file is empty", "fetch it again"));
    }
    // Dotted names and Cartesian coordinates are those of macromolecules.
    let has_atoms = |block: &&Block<'_>| {
        block.has("_atom_site_fract_x") || (block.has("_atom_site_cartn_x") && block.mmcif.is_none())
    };
    let mut usable = blocks.iter().filter(|block| block.has("_cell_length_a")).filter(has_atoms);
    if let Some(first) = usable.next() {
        if let Some(second) = usable.next() {
            warnings.once(CifClass::MultipleStructures, second.line, || {
                format!(
                    "the blocks of lines {} and {} both have a structure; the first was taken",
                    first.line, second.line
                )
            });
        }
        return Ok(first);
    }
    if let Some(line) = blocks.iter().find_map(|block| block.mmcif) {
        return Err(CifError::new(
            CifClass::Mmcif,
            line,
            "this is a macromolecular mmCIF (tags with dots), not a small-cell CIF",
            "convert it: fractional coordinates, one cell",
        ));
    }
    if let Some(block) = blocks.iter().find(has_atoms) {
        return Err(CifError::new(
            CifClass::CellMissing,
            block.line,
            "there are atoms but no _cell_length_a",
            "add the cell: without it there is no crystal",
        ));
    }
    Err(CifError::new(
        CifClass::NoAtoms,
        blocks.first().map(|block| block.line),
        "no block has atoms with coordinates",
        "add a loop with _atom_site_fract_x, _y, _z; or this is a file of reflections or a dictionary",
    ))
}

/// The structure of a block.
///
/// # Errors
/// When the block describes nothing that can be computed.
pub(crate) fn build(block: &Block<'_>, options: &CifOptions, mut warnings: Warnings) -> Result<CifStructure, CifError> {
    let cell = read_cell(block, options.frame, &mut warnings)?;
    let symmetry = read_symmetry(block, &cell.lattice, &mut warnings)?;
    let formula = Formula::read(block);
    let sites = read_sites(block, &cell, formula.as_ref(), options.coordinates, &mut warnings)?;
    let units = block.all("_cell_formula_units_z").find(|value| !value.is_absent());
    let units = units.and_then(|z| parse_number(&z, "Z", &mut Warnings::default()).ok()).map(|z| z.value);
    let evidence = Evidence { formula: formula.as_ref(), units: units.filter(|z| *z > 0.0) };
    let choice = choose(&sites.list, &symmetry.candidates, &cell.lattice, evidence)?;
    symmetry.report_choice(choice.index, choice.is_certain, &mut warnings)?;
    let expansion = choice.expansion;
    if expansion.widest.0 > ROUNDED {
        let (distance, site) = expansion.widest;
        warnings.once(CifClass::PositionRounded, sites.list[site].line, || {
            format!("images of this site up to {distance:.3} Å apart were taken for one atom")
        });
    }
    let places = merge(&sites.list, &expansion, &cell.lattice, &mut warnings)?;
    check_order(&sites, &places)?;

    let species: Vec<Species> = places.iter().map(|place| place.species).collect();
    check_formula(&species, formula.as_ref(), sites.implicit_hydrogen, &mut warnings);
    let positions = places.iter().map(|place| place.position).collect();
    let structure = Structure::new(cell.lattice, species, positions).map_err(|error| {
        CifError::new(CifClass::BadNumber, block.line, error.to_string(), "correct the coordinates")
    })?;
    Ok(CifStructure { structure, parameters: (cell.lengths, cell.angles), warnings: warnings.into_vec() })
}

/// Every place must hold exactly one atom.
fn check_order(sites: &Sites, places: &[super::merge::Place]) -> Result<(), CifError> {
    const REMEDY: &str = "choose an ordered approximant (a supercell with whole atoms) and give that";
    if let Some(place) = places.iter().find(|place| !place.is_full) {
        let n = places.iter().filter(|place| !place.is_full).count();
        let cause =
            format!("{n} of {} positions are not filled by exactly one atom, this site for example", places.len());
        return Err(CifError::new(CifClass::Disordered, place.line, cause, REMEDY));
    }
    if let Some(line) = sites.alternatives {
        let cause = "sites of two alternative disorder groups are listed as if both were there";
        return Err(CifError::new(CifClass::Disordered, line, cause, REMEDY));
    }
    Ok(())
}

/// Compares the atoms with the declared formula, and remarks on hydrogens that are not there.
fn check_formula(species: &[Species], formula: Option<&Formula>, implicit: Option<u32>, warnings: &mut Warnings) {
    let mut counts = BTreeMap::new();
    for one in species {
        *counts.entry(*one).or_insert(0usize) += 1;
    }
    let matches = formula.and_then(|formula| formula.matches(&counts));
    let is_hydrogen = |one: &Species| one.atomic_number() == 1;
    let has_hydrogen = counts.keys().any(is_hydrogen);
    if let (Some(formula), Some(false)) = (formula, matches) {
        warnings.once(CifClass::FormulaMismatch, formula.line, || {
            let found = mlip_atoms::structure::formula(species);
            format!("the declared formula is {:?}, the cell has {found}", formula.text)
        });
    }
    let undeclared = match (implicit, formula) {
        (Some(line), _) if !has_hydrogen || matches == Some(false) || formula.is_none() => Some(line),
        (_, Some(formula)) if !has_hydrogen && Species::from_symbol("H").is_some_and(|h| formula.contains(h)) => {
            Some(formula.line)
        }
        _ => None,
    };
    if let Some(line) = undeclared {
        warnings.once(CifClass::ImplicitHydrogens, line, || {
            "hydrogen atoms are declared that have no site: energy and forces are those of another compound".into()
        });
    }
}
