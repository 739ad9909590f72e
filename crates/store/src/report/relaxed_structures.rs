//! `relaxed.LABEL.extxyz`: the relaxed structures of a potential, as extended XYZ.
//!
//! Sites are in the order of the tables. The comment line names the structure and says how its relaxation ended. The form
//! is that of <https://github.com/libAtoms/extxyz>.

use super::potential::LabeledPotential;
use super::row::EntryRow;
use mlip_atoms::Species;
use mlip_calculations::Relaxed;
use std::fmt::Write;

/// Without its ending.
pub(super) fn name(potential: &LabeledPotential) -> String {
    format!("relaxed.{}", potential.label)
}

/// Text for some entries, by potential.
pub(super) struct RelaxedStructures(Vec<String>);

impl RelaxedStructures {
    pub(super) fn new(n_potentials: usize) -> Self {
        Self(vec![String::new(); n_potentials])
    }

    pub(super) fn write(&mut self, entry: &EntryRow<'_>, potentials: &[LabeledPotential]) {
        for (position, (text, potential)) in self.0.iter_mut().zip(potentials).enumerate() {
            if let Some((relaxed, numbers)) = entry.relaxed(position) {
                // Writing into a string cannot fail.
                let _ = frame(text, entry.id, numbers, &potential.label, relaxed);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        self.0.into_iter().map(String::into_bytes).collect()
    }
}

fn frame(text: &mut String, id: &str, numbers: &[u8], label: &str, relaxed: &Relaxed) -> std::fmt::Result {
    let Relaxed { lattice, fractional, .. } = relaxed;
    let vectors: Vec<String> = lattice.iter().flatten().map(|component| format!("{component:?}")).collect();
    writeln!(text, "{}", numbers.len())?;
    writeln!(
        text,
        "Lattice=\"{}\" Properties=species:S:1:pos:R:3 pbc=\"T T T\" structure_id={} potential={} energy={:?} \
         converged={} ended={} steps={} fmax={:?}",
        vectors.join(" "),
        quoted(id),
        quoted(label),
        relaxed.final_energy,
        if relaxed.converged() { "T" } else { "F" },
        relaxed.ended.name(),
        relaxed.steps,
        relaxed.fmax
    )?;
    for (number, x) in numbers.iter().zip(fractional) {
        // `X` is what ASE calls an atom of no element.
        let symbol = Species::from_atomic_number(*number).map_or("X", Species::symbol);
        let at = |axis: usize| x[0] * lattice[0][axis] + x[1] * lattice[1][axis] + x[2] * lattice[2][axis];
        writeln!(text, "{symbol} {:?} {:?} {:?}", at(0), at(1), at(2))?;
    }
    Ok(())
}

/// A value with quotes around it; backslashes before what would end it. What ASE would take for numbers, a truth value or
/// JSON is written as the text that it is, in the form that ASE has for that: `_JSON "0012"`.
fn quoted(value: &str) -> String {
    let words = || value.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    // Python reads `1_000`, `nan` and `Infinity` as numbers too.
    let is_number = words().all(|word| word.replace('_', "").parse::<f64>().is_ok());
    let is_truth = words().all(|word| ["T", "F", "true", "false", "True", "False", "TRUE", "FALSE"].contains(&word));
    let is_other = value.starts_with("_JSON") || value.contains(char::is_control);
    let json;
    let value = if is_number || is_truth || is_other {
        json = format!("_JSON {}", serde_json::Value::from(value));
        json.as_str()
    } else {
        value
    };
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_calculations::{Ended, SpaceGroups};

    #[test]
    fn a_frame_is_extended_xyz() {
        let relaxed = Relaxed {
            ended: Ended::Steps,
            message: None,
            steps: 3,
            evaluations: 4,
            initial_energy: -1.0,
            final_energy: -1.5,
            fmax: 0.25,
            max_force: 0.2,
            max_stress: None,
            initial_volume: 8.0,
            final_volume: 8.0,
            lattice: [[2.0, 0.0, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 2.0]],
            fractional: vec![[0.0; 3], [0.5, 0.5, 0.25]],
            rmse: 0.0,
            rms_displacement: 0.0,
            space_groups: SpaceGroups::default(),
        };
        let mut text = String::new();
        frame(&mut text, "a \"b\"", &[11, 17], "mine", &relaxed).unwrap();
        let expected = "2\nLattice=\"2.0 0.0 0.0 0.5 2.0 0.0 0.0 0.0 2.0\" Properties=species:S:1:pos:R:3 pbc=\"T T T\" \
                        structure_id=\"a \\\"b\\\"\" potential=\"mine\" energy=-1.5 converged=F ended=steps steps=3 \
                        fmax=0.25\nNa 0.0 0.0 0.0\nCl 1.25 1.0 0.5\n";
        assert_eq!(text, expected);
        assert_eq!(quoted("0012"), r#""_JSON \"0012\"""#);
        assert_eq!(quoted("nan, 1_0"), r#""_JSON \"nan, 1_0\"""#);
        assert_eq!(quoted("1abc"), r#""1abc""#);
        assert_eq!(quoted("T"), r#""_JSON \"T\"""#);
        assert_eq!(quoted("mp-12"), r#""mp-12""#);
        assert_eq!(quoted("a\nb"), r#""_JSON \"a\\nb\"""#);
    }
}
