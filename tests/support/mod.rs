//! What tests of the program share: made-up crystals, the program, its folders.

#![allow(dead_code, reason = "each test program uses a part of it")]

use mlip_store::{Attempts, Frame, JournalReader, TaskKey};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mlip-batch");

/// The tables that must not depend on how a run went.
pub(crate) const TABLES: [&str; 5] = ["energies.csv", "forces.csv", "ensemble.csv", "failures.csv", "warnings.csv"];

/// The program with an environment that says nothing about ranks or settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars() {
        if ["OMPI_", "PMIX_", "PMI_", "SLURM_", "MLIP_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the program; its answer.
pub(crate) fn run(arguments: &[&str], folder: &Path) -> Output {
    program().args(arguments).current_dir(folder).output().expect("the program starts")
}

/// Standard error of an answer.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A CIF of `side`³ cells of a distorted rock salt, eight atoms each; `number` decides the distortion.
pub(crate) fn rock_salt(number: usize, side: usize) -> String {
    let length = 5.64 * side as f64 * (1.0 + 0.001 * (number % 97) as f64);
    let mut text = format!(
        "data_salt{number}\n_cell_length_a {length:.5}\n_cell_length_b {length:.5}\n_cell_length_c {length:.5}\n\
         _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n\
         _atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    );
    let steps = 2 * side;
    let (mut site, mut state) = (0u64, number as u64 + 1);
    for (x, y, z) in (0..steps).flat_map(|x| (0..steps).flat_map(move |y| (0..steps).map(move |z| (x, y, z)))) {
        let mut at = |step: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (step as f64 + 0.04 * ((state >> 33) as f64 / f64::from(u32::MAX) - 0.25)) / steps as f64
        };
        let symbol = if (x + y + z) % 2 == 0 { "Na" } else { "Cl" };
        let (x, y, z) = (at(x), at(y), at(z));
        writeln!(text, "{symbol}{site} {symbol} {x:.6} {y:.6} {z:.6}").expect("writing to memory");
        site += 1;
    }
    text
}

/// A folder `cifs` with this many crystals of different sizes up to `side`, two that are equal and one
/// that is broken; returns its path.
pub(crate) fn crystals(folder: &Path, n: usize, side: usize) -> PathBuf {
    let cifs = folder.join("cifs");
    std::fs::create_dir_all(&cifs).expect("a folder");
    for number in 0..n {
        let text = rock_salt(number, 1 + number % side);
        std::fs::write(cifs.join(format!("salt-{number:04}.cif")), text).expect("a file");
    }
    std::fs::copy(cifs.join("salt-0000.cif"), cifs.join("twin.cif")).expect("a copy");
    std::fs::write(cifs.join("broken.cif"), "this is not a CIF\n").expect("a file");
    cifs
}

/// The tables of a run.
pub(crate) fn tables(run_dir: &Path) -> Vec<(&'static str, String)> {
    TABLES
        .iter()
        .map(|name| {
            let path = run_dir.join("report").join(name);
            (*name, std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect()
}

/// What the journals of a run hold.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// How often each task was started, and how often it ended.
    pub(crate) tasks: HashMap<TaskKey, (usize, usize)>,
    /// Tasks that were started again in a later attempt although they had a record.
    pub(crate) repeated: usize,
    /// Journals that end with `Closed`.
    pub(crate) closed: usize,
    /// All journals.
    pub(crate) journals: usize,
}

/// Reads all journals of a run.
pub(crate) fn history(run_dir: &Path) -> History {
    let mut history = History::default();
    let mut recorded: HashMap<TaskKey, u32> = HashMap::new();
    for file in Attempts::list(run_dir).expect("journals").files {
        let mut reader = JournalReader::open(&file.path).expect("a journal");
        history.journals += 1;
        while let Some((frame, _)) = reader.next_frame().expect("a frame") {
            match frame {
                Frame::Started { key, .. } => {
                    history.tasks.entry(key).or_default().0 += 1;
                    history.repeated += usize::from(recorded.get(&key).is_some_and(|attempt| *attempt < file.attempt));
                }
                Frame::Finished(record) => {
                    history.tasks.entry(record.key).or_default().1 += 1;
                    recorded.entry(record.key).or_insert(file.attempt);
                }
                _ => {}
            }
        }
        history.closed += usize::from(reader.is_closed());
    }
    history
}

impl History {
    /// No evaluation with a record was repeated, and every task ended exactly once.
    pub(crate) fn check(&self) {
        assert_eq!(self.repeated, 0, "evaluations with a record were started again");
        let odd: Vec<_> = self.tasks.iter().filter(|(_, (_, ended))| *ended != 1).collect();
        assert!(odd.is_empty(), "tasks that did not end exactly once: {odd:?}");
    }
}

/// A table as its heading and rows.
pub(crate) struct Table {
    heading: Vec<String>,
    /// Below the heading.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a CSV.
    pub(crate) fn read(path: &Path) -> Self {
        let mut reader = csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let heading = reader.headers().expect("a heading").iter().map(str::to_owned).collect();
        let rows = reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect());
        Self { heading, rows: rows.collect() }
    }

    /// A column.
    pub(crate) fn column(&self, name: &str) -> Vec<&str> {
        let place = self.heading.iter().position(|heading| heading == name);
        let place = place.unwrap_or_else(|| panic!("{name} is not among {:?}", self.heading));
        self.rows.iter().map(|row| row[place].as_str()).collect()
    }

    /// Where a column has this value.
    pub(crate) fn places(&self, name: &str, value: &str) -> Vec<usize> {
        self.column(name).iter().enumerate().filter(|(_, found)| **found == value).map(|(place, _)| place).collect()
    }
}

/// A number of a table.
pub(crate) fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// A Python that has these modules; without one a line says that the test was skipped.
pub(crate) fn python(modules: &[&str]) -> Option<PathBuf> {
    let named = std::env::var_os("MLIP_PYTHON").map(PathBuf::from);
    let import = format!("import {}", modules.join(", "));
    let has = |python: &PathBuf| {
        Command::new(python).args(["-c", &import]).output().is_ok_and(|output| output.status.success())
    };
    let found = named.or_else(|| Some("python3".into())).filter(has);
    if found.is_none() {
        eprintln!("skipped: no Python with {} (MLIP_PYTHON names one)", modules.join(", "));
    }
    found
}

/// Runs a script in a folder; what it printed.
pub(crate) fn script(python: &Path, text: &str, folder: &Path) -> String {
    let output = Command::new(python).args(["-c", text]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
