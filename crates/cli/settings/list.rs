//! All settings: each stands here once, with its flag, key, environment variable, help and default.
//!
//! The name of a field is its key in job files, and its flag with `-` for `_` unless `long` says otherwise. `env` is
//! `MLIP_` and the key. The help ends with the default in brackets; `docs/commands.md` repeats this list, and a test
//! compares (`document.rs`).

use crate::formats::{FormatName, one_or_several};
use crate::inputs::{CoordinatesName, FilterText, RelaxedName};
use crate::potentials::Named;
use crate::stability::{HullName, ReferenceName};
use crate::values::{
    BlocksOf, CalculationName, CellName, Count, EmbeddingsName, EngineName, FrameName, Memory, MismatchName,
    OptimizerName, PrecisionName, Rate, RelaxPreset, Seconds, Workers,
};
use serde::Deserialize;
use std::path::PathBuf;

/// A value that may have been said, or not.
pub(crate) trait Said {
    /// This value, or `lower` where nothing was said.
    fn or_lower(self, lower: Self) -> Self;
}

impl<T> Said for Option<T> {
    fn or_lower(self, lower: Self) -> Self {
        self.or(lower)
    }
}

impl<T> Said for Vec<T> {
    fn or_lower(self, lower: Self) -> Self {
        if self.is_empty() { lower } else { self }
    }
}

/// Makes of groups of settings a struct of flags each, and one struct of all for job files, which have no groups
/// (`serde(flatten)` would take the lines from messages).
macro_rules! settings {
    ($(
        $(#[$about_group:meta])*
        $group:ident { $( $(#[$about:meta])* $key:ident: $type:ty, )* }
    )*) => {
        $(
            $(#[$about_group])*
            #[derive(Debug, Clone, Default, clap::Args, Deserialize)]
            #[serde(default)]
            pub(crate) struct $group { $( $(#[$about])* pub(crate) $key: $type, )* }

            impl $group {
                /// What was said here, and where nothing was, what was said in `lower`.
                pub(crate) fn over(self, lower: Self) -> Self {
                    Self { $( $key: self.$key.or_lower(lower.$key), )* }
                }
            }
        )*

        /// All settings side by side, as a job file has them.
        #[derive(Debug, Default, clap::Args, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct Keys { $( $( $(#[$about])* $key: $type, )* )* }

        impl Keys {
            /// In groups.
            pub(super) fn into_groups(self) -> ($($group,)*) {
                ($( $group { $( $key: self.$key, )* }, )*)
            }
        }
    };
}

settings! {
    /// What is computed.
    What {
        /// Structures: CIF, XYZ, POSCAR and pymatgen's JSON files, also compressed, folders, list files (`-`: from standard
        /// input), TAR and ZIP archives, CSV tables with a column of CIFs or JSON, folders of runs
        #[arg(long, visible_alias = "csv", value_name = "PATH", num_args = 1.., env = "MLIP_CIFS", value_delimiter = None)]
        cifs: Vec<PathBuf>,
        /// Of runs among --cifs: the relaxed structures of converged relaxations, by the potential of this label, or the
        /// only one [default: structures as the run read them]
        #[arg(long, value_name = "LABEL", num_args = 0..=1, require_equals = true, default_missing_value = "true", env = "MLIP_RELAXED")]
        relaxed: Option<RelaxedName>,
        /// Of runs among --cifs: the structures of which numbers in the tables of the run satisfy this, `e_above_hull < 0.1
        /// and n_atoms <= 20` [default: all]
        #[arg(long, value_name = "[LABEL:]COLUMN OP NUMBER", env = "MLIP_WHERE")]
        r#where: Option<FilterText>,
        /// Only the first N structures [default: all]
        #[arg(long, value_name = "N", env = "MLIP_LIMIT")]
        limit: Option<Count>,
        /// Potential, with its checkpoint unless that is built in, and its options; several are computed together. In
        /// MLIP_MODEL several are separated by blanks, or by `;` [default: chgnet]
        #[arg(long = "model", visible_alias = "models", value_name = "[LABEL:]NAME[=FILE][,KEY=VALUE…]", num_args = 1.., env = "MLIP_MODEL")]
        models: Vec<String>,
        /// Folder in which published checkpoints are looked for first, then in those of MLIP_CHECKPOINTS, in this program's
        /// cache and upstream's; `mlip-batch models get` fills it [default: none]
        #[arg(long, value_name = "DIR", env = "MLIP_MODELS_DIR")]
        models_dir: Option<PathBuf>,
        /// Potentials of a job file, as tables.
        #[arg(skip)]
        model: Vec<Named>,
        /// Numbers of the evaluations, unless a potential says `precision=`: floating-point types, or products on matrix
        /// units [default: f32]
        #[arg(long, visible_alias = "dtype", value_enum, env = "MLIP_PRECISION")]
        #[serde(alias = "dtype")]
        precision: Option<PrecisionName>,
        /// How potentials are computed, unless one says `engine=`: by kernels for the CPU, or by layers of candle, which are
        /// slower and independent of them [default: native]
        #[arg(long, value_enum, env = "MLIP_ENGINE")]
        engine: Option<EngineName>,
        /// Where potentials are computed, unless one says `device=`: on the cores of the host, or on NVIDIA cards. Without a
        /// number each rank of a host has a card of its own. ORB's conservative models, UMA's small ones, MACE and CHGNet run on cards
        /// [default: cpu]
        #[arg(long, value_name = "cpu|cuda[:N]", env = "MLIP_DEVICE")]
        device: Option<String>,
        /// Head of the one MACE checkpoint with several; of one of many: NAME=FILE,head=NAME
        #[arg(long, value_name = "NAME", env = "MLIP_HEAD")]
        head: Option<String>,
        /// Task of the one UMA checkpoint; of one of many: NAME=FILE,task=NAME [default: omat]
        #[arg(long, value_name = "NAME", env = "MLIP_TASK")]
        task: Option<String>,
        /// Total charge of every structure for UMA or OrbMol, elementary charges [default: 0]
        #[arg(long, value_name = "N", allow_hyphen_values = true, env = "MLIP_CHARGE")]
        charge: Option<i32>,
        /// Spin multiplicity of every structure for UMA or OrbMol [default: UMA: that of the task; OrbMol: 1]
        #[arg(long, value_name = "N", env = "MLIP_SPIN")]
        spin: Option<i32>,
        /// MACE's radial networks themselves instead of their tables: slower, the same to 1e-8 eV/atom [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_EXACT_RADIAL")]
        exact_radial: Option<bool>,
        /// What is done with each structure: it is computed as it is, at several volumes, where an equation of state is
        /// fitted, or relaxed [default: single-point]
        #[arg(long, value_enum, env = "MLIP_CALCULATION")]
        calculation: Option<CalculationName>,
        /// Volumes of --calculation energy-volume, an odd number from 5 on [default: 7]
        #[arg(long, value_name = "N", env = "MLIP_VOLUME_POINTS")]
        volume_points: Option<u32>,
        /// Largest change of the volume in both directions for --calculation energy-volume, a part of it [default: 0.06]
        #[arg(long, value_name = "PART", env = "MLIP_VOLUME_RANGE")]
        volume_range: Option<f64>,
        /// Move each structure to a minimum of its energy: short for --calculation relaxation [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_RELAX")]
        relax: Option<bool>,
        /// Settings of relaxations that others agreed on; the flags below change them [default: none]
        #[arg(long, value_enum, env = "MLIP_RELAX_PRESET")]
        relax_preset: Option<RelaxPreset>,
        /// How relaxations go down, step for step as in ASE [default: fire]
        #[arg(long, value_enum, env = "MLIP_OPTIMIZER")]
        optimizer: Option<OptimizerName>,
        /// What of the cell moves in a relaxation [default: frechet]
        #[arg(long, value_enum, env = "MLIP_CELL")]
        cell: Option<CellName>,
        /// Outer pressure of a relaxation, GPa [default: 0]
        #[arg(long, value_name = "GPA", allow_hyphen_values = true, env = "MLIP_PRESSURE")]
        pressure: Option<f64>,
        /// A relaxation has converged once all forces, those on the cell too, are smaller, eV/Å [default: 0.02]
        #[arg(long, value_name = "FORCE", env = "MLIP_FMAX")]
        fmax: Option<f64>,
        /// Steps of a relaxation, at most [default: 500]
        #[arg(long, value_name = "N", env = "MLIP_MAX_STEPS")]
        max_steps: Option<u32>,
        /// Keep the symmetry of each structure in a relaxation, as ASE's FixSymmetry does [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_FIX_SYMMETRY")]
        fix_symmetry: Option<bool>,
        /// How far atoms may be from where the symmetry that --fix-symmetry keeps wants them, Å [default: 0.01]
        #[arg(long, value_name = "LENGTH", env = "MLIP_SYMPREC")]
        symprec: Option<f64>,
        /// Keep the structure, energy, forces and stress at the end of each step of a relaxation: trajectory.LABEL.extxyz
        /// [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_TRAJECTORY")]
        trajectory: Option<bool>,
        /// Cartesian axes of cells given by lengths and angles [default: pymatgen]
        #[arg(long, value_enum, env = "MLIP_FRAME")]
        frame: Option<FrameName>,
        /// What coordinates of CIFs within 1e-4 of a third are: those that are written, or as in pymatgen's reader 1/3 and 2/3
        /// [default: file]
        #[arg(long, value_enum, env = "MLIP_COORDINATES")]
        coordinates: Option<CoordinatesName>,
        /// Compute structures with atoms on top of each other, nearer than 0.5 Å: no crystal has them, and they are refused
        /// [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_ALLOW_OVERLAP")]
        allow_overlap: Option<bool>,
        /// Energies only: no forces, no stress
        #[arg(long = "no-forces", num_args = 0, default_missing_value = "false", env = "MLIP_FORCES")]
        forces: Option<bool>,
        /// Embeddings to keep of each structure as it was read: one vector a structure (the mean over its atoms), or one an
        /// atom; written as NumPy arrays [default: none]
        #[arg(long, value_enum, env = "MLIP_EMBEDDINGS")]
        embeddings: Option<EmbeddingsName>,
        /// Reference energies of the elements for formation energies, eV/atom: a CSV or JSON file, genbench, or a run
        /// over crystals of the elements by the same potentials [default: the elements of the hull]
        #[arg(long, value_name = "FILE|RUN|genbench", env = "MLIP_REFERENCE")]
        reference: Option<ReferenceName>,
        /// Table of entries for energies above the hull, of all potentials or of one: CSV, JSON lines or Parquet; in MLIP_HULL
        /// several are separated by `;` [default: none]
        #[arg(long, value_name = "[LABEL:]FILE[,energy=COLUMN]", num_args = 1.., value_delimiter = ';', env = "MLIP_HULL")]
        hull: Vec<HullName>,
        /// What to do with a hull that says it is of another potential: begin nothing, or go on with a warning [default:
        /// refuse]
        #[arg(long, value_enum, env = "MLIP_HULL_MISMATCH")]
        hull_mismatch: Option<MismatchName>,
        /// Evaluate N entries of each hull that are among the structures, by name and composition, before a run begins; a
        /// difference of more than 1 meV/atom is a hull of another potential [default: none]
        #[arg(long, value_name = "N", env = "MLIP_HULL_CHECK")]
        hull_check: Option<Count>,
        /// Folder from which relative paths in list files start [default: the one that fits]
        #[arg(long, value_name = "DIR", env = "MLIP_ROOT")]
        root: Option<PathBuf>,
        /// CIFs of which every block with a structure is an entry, not only the first: those named by --cifs themselves, or
        /// all, in folders, lists and archives too [default: named]
        #[arg(long, value_enum, value_name = "WHICH", env = "MLIP_BLOCKS")]
        blocks: Option<BlocksOf>,
        /// Column of CSV tables that holds the CIF text or JSON [default: usual names]
        #[arg(long, value_name = "NAME", env = "MLIP_CIF_COLUMN")]
        cif_column: Option<String>,
        /// Column of CSV tables that holds the id [default: usual names]
        #[arg(long, value_name = "NAME", env = "MLIP_ID_COLUMN")]
        id_column: Option<String>,
    }

    /// How it is computed.
    How {
        /// Structures in flight on each rank, or auto [default: auto: cores of the rank / the other two]
        #[arg(long, visible_alias = "n-jobs", value_name = "N", env = "MLIP_STRUCTURE_WORKERS")]
        #[serde(alias = "n_jobs")]
        structure_workers: Option<Workers>,
        /// Potentials at once for one structure, at most, or auto [default: auto: 1 unless structures are few]
        #[arg(long, value_name = "N", env = "MLIP_MAX_MLIP_WORKERS")]
        max_mlip_workers: Option<Workers>,
        /// All potentials of a structure at once, as far as there are cores and --max-mlip-workers allows; `=false`: one
        /// after the other [default: what is faster]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_PARALLEL_MLIPS", overrides_with = "no_parallel_mlips")]
        parallel_mlips: Option<bool>,
        /// The same as --parallel-mlips=false
        #[arg(long, num_args = 0, default_missing_value = "true", overrides_with = "parallel_mlips")]
        #[serde(skip)]
        no_parallel_mlips: Option<bool>,
        /// Threads inside one evaluation, or auto; they pay for cells of hundreds of atoms, not with Lennard-Jones [default:
        /// auto: 1, more where structures are fewer than cores]
        #[arg(long, value_name = "N", env = "MLIP_THREADS_PER_MLIP")]
        threads_per_mlip: Option<Workers>,
        /// Grant more threads than there are cores, if asked for [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_OVERSUBSCRIBE")]
        oversubscribe: Option<bool>,
        /// Hand out at most N structures at a time to a rank [default: as balance asks for]
        #[arg(long, value_name = "N", env = "MLIP_BATCH_SIZE")]
        batch_size: Option<Count>,
        /// Give up an evaluation after this time [default: never]
        #[arg(long, value_name = "SECONDS", env = "MLIP_TIMEOUT")]
        timeout: Option<Seconds>,
        /// Give up a structure, all its potentials together, this long after it was begun, waiting for memory and for
        /// others included; of earlier attempts the time of evaluations whose answers are used counts [default: never]
        #[arg(long, value_name = "SECONDS", env = "MLIP_STRUCTURE_TIMEOUT")]
        structure_timeout: Option<Seconds>,
        /// Memory of each rank, weights included: 4G, 500M, 4GiB, a bare number is MB [default: that of job or machine /
        /// ranks on it]
        #[arg(long, visible_alias = "memory", value_name = "SIZE", env = "MLIP_MEMORY_LIMIT")]
        #[serde(alias = "memory")]
        memory_limit: Option<Memory>,
        /// Sample memory every second, and say on stderr what ranks and nodes hold [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_MONITOR_MEMORY")]
        monitor_memory: Option<bool>,
        /// Give up a structure on which the process died N times; 0: never [default: 3]
        #[arg(long, value_name = "N", env = "MLIP_MAX_CRASHES")]
        max_crashes: Option<u32>,
        /// After a signal, wait at most this long for evaluations in flight [default: 20]
        #[arg(long, value_name = "SECONDS", env = "MLIP_DRAIN")]
        drain: Option<Seconds>,
        /// Time between syncs of the journals to disk: what a power failure may cost [default: 5]
        #[arg(long, value_name = "SECONDS", env = "MLIP_SYNC")]
        sync: Option<Seconds>,
        /// Time between samples of memory [default: 10]
        #[arg(long, value_name = "SECONDS", env = "MLIP_SAMPLE")]
        sample: Option<Seconds>,
        /// Take results of other runs from this folder, and add new ones [default: none]
        #[arg(long, value_name = "DIR", env = "MLIP_CACHE")]
        cache: Option<PathBuf>,
        /// Use no cache, whatever the job file says
        #[arg(long, num_args = 0, default_missing_value = "true")]
        #[serde(skip)]
        no_cache: Option<bool>,
        /// Write tables as .csv.zst [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_CSV_ZST")]
        csv_zst: Option<bool>,
        /// What the report is written as beside its tables: extxyz (for ASE), parquet, jsonl (pymatgen's structures),
        /// ase-db (ASE's database), genbench (with LeMat-GenBench's properties), cif (relaxed structures in an archive), html (a
        /// page to look at); several with commas [default: none]
        #[arg(long, value_name = "FORMAT[,FORMAT…]", value_delimiter = ',', env = "MLIP_FORMAT")]
        #[serde(deserialize_with = "one_or_several")]
        format: Vec<FormatName>,
        /// Space groups of the structures as they were read, in energies.csv and structures.csv: the search takes as long
        /// as a fast potential [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_SPACE_GROUPS")]
        space_groups: Option<bool>,
        /// Stop when a larger part of the entries cannot be read, or of the evaluations fails, 0 to 1: as soon as it is more than
        /// chance, with exit code 5 [default: no limit]
        #[arg(long, value_name = "PART", env = "MLIP_MAX_FAILURE_RATE")]
        max_failure_rate: Option<Rate>,
        /// Missing files are an error before work starts; failures make the exit code 3 [default: false]
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, env = "MLIP_STRICT")]
        strict: Option<bool>,
    }

    /// Where the run lies.
    Where {
        /// Folder of the run: journals, settings, report [default: RUN]
        #[arg(long, value_name = "RUN", env = "MLIP_OUT")]
        out: Option<PathBuf>,
    }
}
