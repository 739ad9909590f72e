//! `cite`: what a run owes to whom, as BibTeX.

use crate::args::FolderArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::show::say;
use mlip_calculations::{CalculationConfig, Method};
use mlip_models::citations::{Citation, DISPERSION, citations};
use mlip_store::report::ReferenceSource;

const PROGRAM: &str = concat!(
    "@software{mlip-batch,\n  title = {mlip-batch},\n  version = {",
    env!("CARGO_PKG_VERSION"),
    "},\n  note = {Machine-learned interatomic potentials over lists of crystal structures}\n}\n"
);

/// The optimizers of ASE, which relaxations follow step for step.
const ASE: &str = "\
@article{ase,
  title = {The atomic simulation environment---a {Python} library for working with atoms},
  author = {Larsen, Ask Hjorth and Mortensen, Jens J{\\o}rgen and Blomqvist, Jakob and others},
  journal = {Journal of Physics: Condensed Matter},
  volume = {29},
  pages = {273002},
  year = {2017},
  doi = {10.1088/1361-648X/aa680e}
}
";

const FIRE: &str = "\
@article{fire,
  title = {Structural Relaxation Made Simple},
  author = {Bitzek, Erik and Koskinen, Pekka and G{\\\"a}hler, Franz and Moseler, Michael and Gumbsch, Peter},
  journal = {Physical Review Letters},
  volume = {97},
  pages = {170201},
  year = {2006},
  doi = {10.1103/PhysRevLett.97.170201}
}
";

/// Writes the works behind the potentials, the calculation and the data of a run, each once.
pub(crate) fn cite(args: &FolderArgs) -> Result<ExitCode, CommandError> {
    let config = mlip_run::read_config(&args.run).map_err(CommandError::of_run)?;
    let mut texts: Vec<&str> = vec![PROGRAM];
    let mut unknown = Vec::new();
    for potential in &config.physics.potentials {
        let found = citations(&potential.id().name);
        if found.is_empty() {
            unknown.push(potential.label.clone());
        }
        texts.extend(found.iter().map(|Citation { bibtex, .. }| *bibtex));
        if potential.id().settings.contains("dispersion=") {
            texts.extend(DISPERSION);
        }
    }
    if let CalculationConfig::Relaxation(relaxation) = &config.physics.calculation {
        texts.push(ASE);
        texts.extend((relaxation.optimizer == Method::Fire).then_some(FIRE));
    }
    let mut once: Vec<&str> = Vec::new();
    for text in texts {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    for label in unknown {
        say!("note: no work is known for the potential {label}: see where its checkpoint comes from");
    }
    for hull in &config.stability.hulls {
        say!("note: cite where the hull `{}` comes from", hull.file.display());
    }
    match &config.stability.reference {
        Some(ReferenceSource::Genbench) => {
            say!("note: the reference energies are those of LeMat-GenBench (github.com/LeMaterial/lemat-genbench)");
        }
        Some(_) => say!("note: cite where the reference energies come from"),
        None => {}
    }
    super::output::print(&once.join("\n"))?;
    Ok(ExitCode::Success)
}
