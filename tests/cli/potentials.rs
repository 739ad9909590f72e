//! Potentials as users name them: labels, options, tables of job files, mistakes.

use crate::support::{crystals, program, run, said};
use std::path::Path;

fn ends_well(arguments: &[&str], folder: &Path) -> String {
    let output = run(arguments, folder);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

fn refused(arguments: &[&str], folder: &Path) -> String {
    let output = run(&[&["run", "--cifs", "cifs"], arguments].concat(), folder);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!folder.join("RUN").exists());
    said(&output)
}

fn table(folder: &Path, run: &str, name: &str) -> String {
    std::fs::read_to_string(folder.join(run).join("report").join(name)).unwrap()
}

#[test]
fn labels_name_columns_and_rows_of_all_tables() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let models = ["--model", "single:chgnet", "double:chgnet,precision=f64"];
    let text = ends_well(&[&["run", "--cifs", "cifs", "--out", "A"], &models[..]].concat(), folder.path());
    let ensemble = table(folder.path(), "A", "ensemble.csv");
    let columns = "structure_id,formula,n_atoms,energy_single,energy_double,energy_mean,energy_std,energy_n_mlips,\
                   max_force_single,max_force_double,max_force_mean,";
    assert!(ensemble.starts_with(columns), "{ensemble}");
    for name in ["energies.csv", "forces.csv", "timings.csv"] {
        let rows = table(folder.path(), "A", name);
        assert!(rows.contains(",single,") && rows.contains(",double,") && !rows.contains(",chgnet,"), "{name}: {rows}");
    }
    let json = table(folder.path(), "A", "run.json");
    assert!(
        json.contains("\"label\": \"double\",\n      \"name\": \"chgnet\",") && json.contains("\"precision\": \"f64\"")
    );
    let status = String::from_utf8(run(&["status", "A"], folder.path()).stdout).unwrap();
    assert!(status.contains("potentials single, double\n"), "{status}");
    let plan = run(&[&["plan", "--cifs", "cifs"], &models[..]].concat(), folder.path());
    let plan = String::from_utf8(plan.stdout).unwrap();
    assert!(plan.contains("on one core for single\n") && plan.contains("on one core for double\n"), "{plan}");
    if let Some(line) = text.lines().find(|line| line.contains("8 atoms of rock salt take")) {
        assert!(line.contains("single ") && line.contains("double "), "{line}");
    }
}

#[test]
fn a_job_file_names_potentials_in_tables() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let job = "cifs = [\"cifs\"]\nmodels = [\"lj:lennard-jones\"]\n\n[[model]]\nlabel = \"double\"\nname = \"chgnet\"\n\
               precision = \"f64\"\nengine = \"native\"\n";
    std::fs::write(folder.path().join("job.toml"), job).unwrap();
    ends_well(&[], folder.path());
    let ensemble = table(folder.path(), "RUN", "ensemble.csv");
    assert!(ensemble.starts_with("structure_id,formula,n_atoms,energy_lj,energy_double,energy_mean,"), "{ensemble}");
    std::fs::write(folder.path().join("job.toml"), job.replace("engine", "nonsense")).unwrap();
    let output = run(&["run", "job.toml", "--out", "B"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("chgnet has no option `nonsense` (given as `nonsense=native`)"),
        "{}",
        said(&output)
    );
}

#[test]
fn results_are_found_under_any_label() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 3, 1);
    let arguments = |model, out| ["run", "--cifs", "cifs", "--cache", "cache", "--model", model, "--out", out];
    ends_well(&arguments("lennard-jones", "A"), folder.path());
    let text = ends_well(&arguments("argon:lennard-jones", "B"), folder.path());
    assert!(text.contains("4 evaluations done (4 from the cache)"), "{text}");
    let without = |out, label: &str| table(folder.path(), out, "energies.csv").replace(&format!(",{label},"), ",,");
    assert_eq!(without("A", "lennard-jones"), without("B", "argon"));
}

#[test]
fn equal_labels_and_equal_computations_are_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    assert_eq!(
        refused(&["--model", "mace=a.model", "mace=b.model"], folder.path()),
        "error: two potentials have the label `mace`\n  hint: give each a label of its own: --model mace-a:mace… \
         mace-b:mace…\n"
    );
    assert_eq!(
        refused(&["--model", "a:lennard-jones", "b:lennard-jones"], folder.path()),
        "error: `a` and `b` are the same computation\n  hint: leave one out, or give it another checkpoint, precision, \
         engine or option\n"
    );
}

#[test]
fn flags_of_one_potential_are_refused_where_several_or_none_has_them() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    assert_eq!(
        refused(&["--model", "a:uma=a.pt", "b:uma=b.pt", "--task", "omol"], folder.path()),
        "error: --task omol may be meant for each of a, b\n  hint: say it with the potential: --model \
         a:NAME=FILE,task=omol\n"
    );
    assert_eq!(
        refused(&["--model", "chgnet", "--head", "x"], folder.path()),
        "error: --head is given, but none of the potentials has that option\n  hint: `mlip-batch models` says which \
         potential has which options\n"
    );
}

#[test]
fn misspelt_potentials_options_and_values_are_answered_with_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let text = refused(&["--model", "a:chgnt"], folder.path());
    assert!(text.contains("`chgnt`") && text.contains("did you mean chgnet?"), "{text}");
    let text = refused(&["--model", "mace=a.model,hed=x"], folder.path());
    assert!(text.contains("mace has no option `hed`") && text.contains("did you mean head?"), "{text}");
    let text = refused(&["--model", "chgnet,precision=f16"], folder.path());
    assert!(text.contains("precision=f16 of chgnet: expected f32 or f64"), "{text}");
    let text = refused(&["--model", "chgnet,precision=bf16x3"], folder.path());
    assert!(text.contains("precision=bf16x3 of chgnet: expected f32 or f64 or int8x6"), "{text}");
    let text = refused(&["--model", "_:chgnet"], folder.path());
    assert!(text.contains("`_` cannot be a label: a letter or digit, then letters, digits, `_` and `-`"), "{text}");
}

/// Whether this processor has the matrix unit of `precision=int8x6`, as the system says.
fn has_matrix_unit() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" amx_int8"))
}

#[test]
fn products_on_a_matrix_unit_are_refused_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let text = refused(&["--model", "chgnet", "--precision", "int8x6"], folder.path());
    assert!(text.contains("`precision=int8x6` of chgnet cannot be used: models computed so are orb-v3-"), "{text}");
    let orb = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/models/tests/orb/orb_tiny_conservative.ckpt");
    let model = format!("orb={orb},precision=int8x6");
    let text = refused(&["--model", &format!("{model},device=cuda")], folder.path());
    assert!(text.contains("`device=cuda` of orb cannot be used"), "{text}");
    let text = refused(&["--model", &format!("{model},engine=candle")], folder.path());
    assert!(text.contains("it needs engine=native"), "{text}");
    let none = "`precision=int8x6` of orb cannot be used: this processor has no AMX matrix unit";
    if has_matrix_unit() {
        ends_well(&["run", "--cifs", "cifs", "--model", &model], folder.path());
        return;
    }
    let text = refused(&["--model", &model], folder.path());
    assert!(text.contains(none) && text.contains("say precision=f32"), "{text}");
    // A run that was begun where there is one.
    ends_well(&["run", "--cifs", "cifs", "--model", &format!("orb={orb}")], folder.path());
    let settings = folder.path().join("RUN/run.toml");
    let begun = std::fs::read_to_string(&settings).unwrap();
    assert!(begun.contains("precision = \"f32\""), "{begun}");
    // Without its first and last line, which hold its checksum.
    let lines = begun.lines().collect::<Vec<_>>();
    let changed = lines[1..lines.len() - 1].join("\n").replace("precision = \"f32\"", "precision = \"int8x6\"");
    std::fs::write(&settings, changed).unwrap();
    let output = run(&["resume", "RUN"], folder.path());
    assert_ne!(output.status.code(), Some(0));
    assert!(said(&output).contains(none), "{}", said(&output));
}

#[test]
fn a_moved_checkpoint_is_named_by_its_label() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    ends_well(&["run", "--cifs", "cifs", "--model", "a:chgnet"], folder.path());
    let output = run(&["resume", "RUN", "--model", "chgnet=x.pth.tar"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let text = "error: `chgnet` is not a potential of this run\n  hint: its potentials are a\n";
    assert!(said(&output).ends_with(text), "{}", said(&output));
}

#[test]
fn the_environment_names_several_potentials_and_misspelt_variables_are_named() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let mut command = program();
    command.args(["run", "--cifs", "cifs"]).current_dir(folder.path());
    command.env("MLIP_MODEL", "a:lennard-jones chgnet").env("MLIP_DTYPE", "f64").env("MLIP_TIMEOTU", "3");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let warning = "warning: the environment variable MLIP_TIMEOTU is not a setting of this program and has no effect; did \
                   you mean MLIP_TIMEOUT?\n";
    assert!(said(&output).contains(warning), "{}", said(&output));
    let config = std::fs::read_to_string(folder.path().join("RUN/run.toml")).unwrap();
    assert!(config.contains("label = \"a\"") && config.contains("label = \"chgnet\""), "{config}");
    assert!(!config.contains("\"f32\""), "{config}");
}

#[test]
fn sevennet_runs_with_the_weights_in_the_program_and_with_a_modality_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/models/tests/sevennet/tiny_modal_mf/tiny_modal_mf.pth");
    let modal = |label: &str, name: &str| format!("{label}:sevennet={file},modal={name}");
    let (pbe, r2scan) = (modal("pbe", "pbe"), modal("r2scan", "r2scan"));
    ends_well(&["run", "--cifs", "cifs", "--model", "7net-0", &pbe, &r2scan, "--out", "A"], folder.path());
    let energies = table(folder.path(), "A", "energies.csv");
    for label in [",7net-0,", ",pbe,", ",r2scan,"] {
        assert!(energies.lines().any(|row| row.contains(label) && row.contains(",ok,")), "{energies}");
    }
    let text = refused(&["--model", &format!("sevennet={file}"), "--out", "RUN"], folder.path());
    assert!(text.contains("the model was trained on pbe, r2scan: choose one with modal=NAME"), "{text}");
}

#[test]
fn mattersim_runs_from_files_old_and_new_with_dispersion_and_without() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let file = |name: &str| format!("{}/crates/models/tests/mattersim/{name}.pth", env!("CARGO_MANIFEST_DIR"));
    // A bare path says by its name which potential it belongs to.
    std::fs::copy(file("tiny"), folder.path().join("MatterSim_mine.pth")).unwrap();
    let models = [
        format!("old:mattersim={},dispersion=d3bj-pbe", file("tiny_old")),
        format!("few:mattersim={}", file("tiny_few")),
    ];
    let run = ["run", "--cifs", "cifs", "--out", "A", "--model", "MatterSim_mine.pth", &models[0], &models[1]];
    ends_well(&run, folder.path());
    let energies = table(folder.path(), "A", "energies.csv");
    for label in [",mattersim,", ",old,", ",few,"] {
        assert!(energies.lines().any(|row| row.contains(label) && row.contains(",ok,")), "{energies}");
    }
    let text = refused(&["--model", "mattersim", "--out", "RUN"], folder.path());
    assert!(text.contains("no file is named; give one (--model mattersim=FILE)"), "{text}");
}

#[test]
fn esen_runs_by_layers_of_candle_beside_a_potential_of_kernels() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/models/tests/esen/esen_tiny.pt");
    let candle = format!("esen={file},engine=candle");
    ends_well(&["run", "--cifs", "cifs", "--model", "chgnet", &candle, "--out", "A"], folder.path());
    let energies = table(folder.path(), "A", "energies.csv");
    for label in [",chgnet,", ",esen,"] {
        assert!(energies.lines().any(|row| row.contains(label) && row.contains(",ok,")), "{energies}");
    }
    let text = refused(&["--model", &format!("esen={file}"), "--out", "RUN"], folder.path());
    assert!(text.contains("layers of candle alone: say engine=candle"), "{text}");
}

#[test]
fn dispersion_is_added_to_a_potential_and_is_another_computation() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    let models = ["--model", "plain:chgnet", "d3:chgnet,dispersion=d3bj-pbe"];
    ends_well(&[&["run", "--cifs", "cifs", "--out", "A"], &models[..]].concat(), folder.path());
    let ensemble = table(folder.path(), "A", "ensemble.csv");
    let mut rows = ensemble.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let heading = rows.next().unwrap();
    // One of them is broken.
    let row = rows.find(|row| row[0].contains("salt")).unwrap();
    let energy = |name: &str| {
        let place = heading.iter().position(|column| column == name).unwrap();
        row[place].parse::<f64>().unwrap()
    };
    // Eight atoms of rock salt attract each other by some tenths of an eV each.
    let added = energy("energy_d3") - energy("energy_plain");
    assert!((-8.0..-0.5).contains(&added), "{added}");
    assert!(table(folder.path(), "A", "run.json").contains("dispersion=d3bj-pbe"));
    let cited = String::from_utf8(run(&["cite", "A"], folder.path()).stdout).unwrap();
    assert!(cited.contains("10.1002/jcc.21759") && cited.matches("@article{chgnet").count() == 1, "{cited}");
    let text = refused(&["--model", "chgnet,dispersion=d3bj-r2scan"], folder.path());
    assert!(text.contains("write dispersion=d3bj-pbe"), "{text}");
}

#[test]
fn a_spin_that_the_electrons_cannot_have_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let water = |said: &str| {
        format!(
            "3\nLattice=\"8 0 0 0 8 0 0 0 8\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"{said}\nO 4 4 4\nH 4.76 4.59 4\nH 3.24 4.59 4\n"
        )
    };
    let frames = ["", " charge=1", " charge=1 spin=2", " spin=3", " spin=2"].map(water);
    std::fs::write(folder.path().join("water.xyz"), frames.concat()).unwrap();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/models/tests/orb/orb_tiny_omol_conservative.ckpt");
    let model = format!("water:orb-v3-conservative-omol={file}");
    ends_well(&["run", "--cifs", "water.xyz", "--model", &model, "--out", "A"], folder.path());
    let warnings = table(folder.path(), "A", "warnings.csv");
    let named: Vec<&str> = warnings.lines().filter(|row| row.contains("spin_impossible")).collect();
    assert_eq!(named.len(), 2, "{warnings}");
    assert!(
        named[0].contains("water computes it with charge 1 and spin multiplicity 1, which 9 electrons cannot have")
    );
    assert!(named[1].contains("charge 0 and spin multiplicity 2, which 10 electrons cannot have"), "{warnings}");
}
