//! `relaxed.LABEL.cif.tar`: the relaxed structures of a potential as CIFs, without symmetry.
//!
//! A TAR archive and no ZIP: it grows member by member and has no list of all of them at its end, which would be held in
//! memory. The same members have the same bytes: they have no time and no owner.

use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::table::END;
use crate::StoreError;
use mlip_atoms::{Lattice, Species};
use mlip_calculations::Relaxed;
use std::fmt::Write as _;

/// Without its ending.
pub(super) fn name(potential: &LabeledPotential) -> String {
    format!("relaxed.{}", potential.label)
}

/// Members for some entries, by potential.
pub(super) struct CifArchives(Vec<tar::Builder<Vec<u8>>>);

impl CifArchives {
    pub(super) fn new(n_potentials: usize) -> Self {
        Self((0..n_potentials).map(|_| tar::Builder::new(Vec::new())).collect())
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) -> Result<(), StoreError> {
        for (position, (archive, potential)) in self.0.iter_mut().zip(potentials).enumerate() {
            let Some((relaxed, numbers)) = entry.relaxed(position) else { continue };
            let Ok(lattice) = Lattice::from_vectors(relaxed.lattice) else { continue };
            let text = cif(entry.id, numbers, &potential.label, relaxed, &lattice);
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            let path = format!("{}.cif", file_name(entry.id));
            archive
                .append_data(&mut header, &path, text.as_bytes())
                .map_err(|source| StoreError::Source { what: "the CIFs", source: source.into() })?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<Vec<u8>>, StoreError> {
        let bytes = |archive: tar::Builder<Vec<u8>>| {
            let mut bytes = archive
                .into_inner()
                .map_err(|source| StoreError::Source { what: "the CIFs", source: source.into() })?;
            // Further members follow.
            bytes.truncate(bytes.len().saturating_sub(END.len()));
            Ok(bytes)
        };
        self.0.into_iter().map(bytes).collect()
    }
}

/// An id as the name of a file: what cannot stand there is written `%2F`, so that different ids have different names.
fn file_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for letter in id.chars() {
        if letter == '/' || letter == '%' || letter == '\\' || letter.is_control() {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                // Writing into a string cannot fail.
                let _ = write!(name, "%{byte:02X}");
            }
        } else {
            name.push(letter);
        }
    }
    name
}

/// Lengths, angles and fractional coordinates read back to the same bits; the directions of the vectors are not in a CIF.
fn cif(id: &str, numbers: &[u8], label: &str, relaxed: &Relaxed, lattice: &Lattice) -> String {
    let ([a, b, c], [alpha, beta, gamma]) = lattice.parameters();
    let block: String = id.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    let mut text = format!(
        "# relaxed with {label}: {}, {} steps, {:?} eV\ndata_{block}\n_symmetry_space_group_name_H-M 'P 1'\n\
         _cell_length_a {a:?}\n_cell_length_b {b:?}\n_cell_length_c {c:?}\n\
         _cell_angle_alpha {alpha:?}\n_cell_angle_beta {beta:?}\n_cell_angle_gamma {gamma:?}\n\
         loop_\n_symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz\n1 'x, y, z'\n\
         loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n\
         _atom_site_occupancy\n",
        relaxed.ended.name(),
        relaxed.steps,
        relaxed.final_energy
    );
    for (site, (number, [x, y, z])) in numbers.iter().zip(&relaxed.fractional).enumerate() {
        let symbol = Species::from_atomic_number(*number).map_or("X", Species::symbol);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{symbol}{site} {symbol} {x:?} {y:?} {z:?} 1");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_ids_have_different_names() {
        assert_eq!(file_name("mp-1#2"), "mp-1#2");
        assert_eq!(file_name("a/b"), "a%2Fb");
        assert_eq!(file_name("a%2Fb"), "a%252Fb");
        assert_eq!(file_name("é\n"), "é%0A");
    }
}
