//! Potentials are loaded: those that are chosen for a new run, and those of a run.

use crate::Error;
use mlip_atoms::Potential;
use mlip_driver::{Physics, PotentialConfig};
use mlip_models::dispersion;
use mlip_models::registry::{self, Selection};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A potential of a new run, before its weights are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenPotential {
    /// Its name in all tables.
    pub label: String,
    /// What is to be loaded.
    pub selection: Selection,
}

impl ChosenPotential {
    /// A potential by the name of its model, which also labels it, as it comes without anything else.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { label: name.clone(), selection: Selection::named(name) }
    }
}

/// Potentials, and how `run.toml` describes them.
pub(crate) type LoadedPotentials = (Vec<Arc<dyn Potential>>, Vec<PotentialConfig>);

/// Loads what was chosen; files are relative to `folder`.
pub(crate) fn load_chosen(chosen: &[ChosenPotential], folder: &Path) -> Result<LoadedPotentials, Error> {
    let mut potentials: Vec<Arc<dyn Potential>> = Vec::with_capacity(chosen.len());
    let mut configs: Vec<PotentialConfig> = Vec::with_capacity(chosen.len());
    for ChosenPotential { label, selection } in chosen {
        if configs.iter().any(|other| other.label == *label) {
            return Err(Error::SameLabel { label: label.clone() });
        }
        let potential = registry::load(&in_folder(selection, folder))?;
        let Selection { file, engine, options, .. } = in_folder(selection, folder);
        let config = PotentialConfig::new(label.clone(), potential.id(), file, engine, options);
        if let Some(same) = configs.iter().find(|other| other.id() == config.id()) {
            return Err(Error::SamePotential { first: same.label.clone(), second: label.clone() });
        }
        potentials.push(potential);
        configs.push(config);
    }
    Ok((potentials, configs))
}

/// Looks for the devices of potentials on this host, before anything is written.
pub(crate) fn find_devices(potentials: &[Arc<dyn Potential>], physics: &Physics) -> Result<(), Error> {
    for (potential, config) in potentials.iter().zip(&physics.potentials) {
        let label = || config.label.clone();
        potential.find_device().map_err(|source| Error::NoDevice { label: label(), source })?;
    }
    Ok(())
}

/// The same with an absolute file, or the name of a published one: a run may go on elsewhere.
fn in_folder(selection: &Selection, folder: &Path) -> Selection {
    let file = |file: &PathBuf| registry::file_from(folder, &selection.name, file);
    Selection { file: selection.file.as_ref().map(file), ..selection.clone() }
}

/// The potentials of a run, as its settings name them.
pub(crate) fn load_configured(physics: &Physics) -> Result<Vec<Arc<dyn Potential>>, Error> {
    physics.potentials.iter().map(|config| Ok(registry::load(&selection(config))?)).collect()
}

fn selection(config: &PotentialConfig) -> Selection {
    Selection {
        name: config.name.clone(),
        file: config.file.clone(),
        options: config.options.clone(),
        precision: config.precision,
        engine: config.engine,
    }
}

/// A sentence, where energies of the potentials are of different calculations, as far as their names say so: tables have
/// the mean and the spread over potentials.
pub(crate) fn different_energies(physics: &Physics) -> Option<String> {
    let mut labels: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for config in &physics.potentials {
        let selection = selection(config);
        let energies = registry::find(&selection.name).and_then(|entry| (entry.energies)(&selection));
        if let Some(energies) = energies {
            let scale = match selection.options.get(dispersion::KEY) {
                Some(added) => format!("{energies}, and {}={added}", dispersion::KEY),
                None => energies.to_string(),
            };
            labels.entry(scale).or_default().push(&config.label);
        }
    }
    let group = |(energies, labels): (&String, &Vec<&str>)| format!("{}: {energies}", labels.join(", "));
    let groups: Vec<String> = labels.iter().map(group).collect();
    (groups.len() > 1).then(|| {
        format!(
            "energies of these potentials are on different scales ({}), so means and spreads of energies over potentials \
             say nothing; compare formation energies and energies above a hull of each potential: --hull LABEL:FILE",
            groups.join("; ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlip_atoms::{EngineKind, PotentialId, Precision};

    fn config(label: &str, name: &str, file: Option<&str>, options: &[(&str, &str)]) -> PotentialConfig {
        let id = PotentialId {
            name: name.into(),
            checkpoint: String::new(),
            digest: String::new(),
            precision: Precision::F32,
            settings: String::new(),
        };
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        PotentialConfig::new(label.into(), &id, file.map(Into::into), EngineKind::Native, options)
    }

    fn said(potentials: Vec<PotentialConfig>) -> Option<String> {
        let calculation = mlip_calculations::CalculationConfig::default();
        let (frame, embeddings) = (mlip_atoms::Frame::default(), mlip_calculations::Embeddings::None);
        different_energies(&Physics {
            frame,
            coordinates: Default::default(),
            calculation,
            allow_overlap: false,
            forces: true,
            embeddings,
            potentials,
        })
    }

    #[test]
    fn different_scales_of_energies_are_told() {
        let chgnet = || config("a", "chgnet", None, &[]);
        let mace = || config("b", "mace", Some("/w/mace-mpa-0-medium.model"), &[]);
        let orb = config("c", "orb", Some("x.ckpt"), &[]);
        let uma = config("d", "uma", Some("uma.pt"), &[]);
        let molecules = config("e", "uma", Some("uma.pt"), &[("task", "omol")]);
        let own = || config("f", "mace", Some("fitted.model"), &[]);
        assert_eq!(said(vec![chgnet(), own()]), None);
        assert_eq!(said(vec![orb.clone(), uma.clone()]), None);
        assert_eq!(said(vec![mace(), config("g", "7net-0", None, &[])]), None);
        let text = said(vec![chgnet(), mace(), orb.clone(), uma.clone(), own()]).unwrap();
        for part in ["c, d: OMat24", "b: the Materials Project, uncorrected", "a: the Materials Project, with"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(said(vec![uma, molecules]).unwrap().contains("e: OMol25"));
        let modal = |label, modal| config(label, "sevennet", Some("7net-mf-0"), &[("modal", modal)]);
        assert!(
            said(vec![modal("p", "PBE"), modal("q", "R2SCAN")]).unwrap().contains("q: the Materials Project in r2SCAN")
        );
        assert_eq!(said(vec![modal("p", "PBE"), mace()]), None);
        let with = |label, name, damping| config(label, name, None, &[("dispersion", damping)]);
        let text = said(vec![chgnet(), with("d", "chgnet", "d3bj-pbe")]).unwrap();
        assert!(
            text.contains("d: the Materials Project, with its corrections (MP2020), and dispersion=d3bj-pbe"),
            "{text}"
        );
        assert_eq!(said(vec![with("p", "chgnet", "d3bj-pbe"), with("q", "chgnet", "d3bj-pbe")]), None);
        let dampings = vec![with("p", "orb", "d3bj-pbe"), with("q", "orb", "d3bj-r2scan")];
        assert!(said(dampings).unwrap().contains("q: OMat24, and dispersion=d3bj-r2scan"));
    }

    #[test]
    fn published_names_stay_names_and_files_become_absolute() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let file = |name: &str, file: &str| in_folder(&Selection::named(name).with_file(file), here).file.unwrap();
        assert_eq!(file("mace", "large"), Path::new("large"));
        for (name, wanted) in [("mace", "mine.model"), ("mace", "sub/large"), ("orb", "large"), ("7net-0", "7net-omni")]
        {
            assert_eq!(file(name, wanted), here.join(wanted), "{name}={wanted}");
        }
        std::fs::write(here.join("large"), "mine").unwrap();
        assert_eq!(file("mace", "large"), here.join("large"));
    }
}
