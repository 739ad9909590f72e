//! `hull`: energies above the hull and formation energies, from one table to another; tables of entries from runs.

use crate::args::{HullArgs, HullBuildArgs, HullCommand, HullQueryArgs};
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use crate::show::say;
use crate::values::MismatchName;
use mlip_hull::table::{TableError, TableProvenance, TableReader, TableRow};
use mlip_hull::{
    AboveHull, Entries, EntriesError, Hull, HullError, Measures, ReferenceEnergies, ReferenceError, StabilityError,
};
use mlip_run::EnergyCounts;
use mlip_store::AtomicFile;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

const COLUMNS: [&str; 5] =
    ["material_id", "e_above_hull_ev_per_atom", "formation_energy_ev_per_atom", "decomposition", "error"];

/// The name of the reference energies that the program has itself.
const GENBENCH: &str = "genbench";

/// What became of the rows of the query.
#[derive(Debug, Default)]
struct Tally {
    n_rows: u64,
    n_without_energy: u64,
    n_failed: u64,
    /// Rows that have at least one of both energies.
    n_answered: u64,
    reasons: BTreeMap<&'static str, u64>,
}

/// The quantities of a row, and what there is to say of those that are not there.
#[derive(Debug, Default)]
struct Answer {
    above: Option<AboveHull>,
    formation_energy: Option<f64>,
    errors: Vec<String>,
}

/// From table to table, or from runs to a table.
pub(crate) fn hull(args: &HullArgs) -> Result<ExitCode, CommandError> {
    match (&args.command, &args.query) {
        (Some(HullCommand::Build(args)), _) => build(args),
        (None, Some(query)) => answer(query),
        (None, None) => {
            let said = CommandError::new("no tables were named");
            Err(said.hint("name --entries, --query and --out, or make a table of runs: mlip-batch hull build").usage())
        }
    }
}

/// Makes a table of entries from runs.
fn build(args: &HullBuildArgs) -> Result<ExitCode, CommandError> {
    let built = mlip_run::build_hull(&args.runs, args.label.as_deref(), &args.out).map_err(|error| {
        let several = matches!(error, mlip_run::Error::SeveralPotentials { .. });
        let said = CommandError::of_run(error);
        if several { said.hint("choose one with --label") } else { said }
    })?;
    for (run, EnergyCounts { taken, failed, unconverged }) in &built.counts {
        let left_out = [(*failed, "failed or unreadable"), (*unconverged, "not converged")];
        let left_out = left_out.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!(", {n} {why}: left out"));
        say!("{}: {taken} entries{}", run.display(), left_out.collect::<String>());
    }
    let of = &built.provenance;
    say!("{} ({}), {}, {}", of.potential, of.checkpoint, of.precision, of.calculation);
    if !built.without_terminal.is_empty() {
        let elements = built.without_terminal;
        say!("warning: there is no crystal of {elements} alone: what holds one of these has no energy above this hull");
    }
    super::output::print(&format!("{}\n", args.out.display()))?;
    Ok(ExitCode::Success)
}

/// Reads the entries, then answers row by row.
fn answer(args: &HullQueryArgs) -> Result<ExitCode, CommandError> {
    let begin = Instant::now();
    refuse_to_overwrite(args)?;
    // What can be wrong with the command line is found out before millions of entries are read.
    let references = args.reference.as_deref().map(references).transpose()?;
    let queries = TableReader::open(&args.query, &args.energy).map_err(of_table)?;
    check_pairing(args, queries.provenance())?;
    let mut table = csv::Writer::from_writer(AtomicFile::create(&args.out)?);
    table.write_record(COLUMNS)?;
    let read = Entries::read(&args.entries, &args.energy).map_err(of_entries)?;
    let (counts, n_kept) = (read.counts, read.entries.n_entries());
    let n_entries = counts.n_rows - counts.n_without_energy;
    let without = left_out(counts.n_without_energy);
    say!("entries: {n_entries} with an energy{without}, {n_kept} of them may lie on a hull");
    let hull = Hull::new(read.entries);
    let measures = Measures { hull: Some(&hull), references: references.as_ref() };
    let mut tally = Tally::default();
    for row in queries {
        let row = row.map_err(of_table)?;
        if let Some(answer) = tally.answer(measures, &row) {
            write(&mut table, &row.id, &answer)?;
        }
    }
    let file = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
    file.commit()?;
    say!("{} in {:.1} s", tally.sentence(), begin.elapsed().as_secs_f64());
    super::output::print(&format!("{}\n", args.out.display()))?;
    Ok(match (tally.n_answered, tally.n_failed) {
        (0, _) => ExitCode::NothingRead,
        (_, failed) if failed > 0 && args.strict => ExitCode::Failures,
        _ => ExitCode::Success,
    })
}

/// Tables that `hull build` made say of which potential they are.
fn check_pairing(args: &HullQueryArgs, query: Option<&TableProvenance>) -> Result<(), CommandError> {
    let entries = TableReader::open(&args.entries, &args.energy).map_err(of_table)?;
    let (Some(entries), Some(query)) = (entries.provenance(), query) else { return Ok(()) };
    if entries.is_of_another(query) {
        let said = format!("the entries are of {entries}, and the query is of {query}");
        match args.hull_mismatch {
            MismatchName::Allow => say!("warning: {said}"),
            MismatchName::Refuse => {
                let remedy = "energies above a hull are of one potential; --hull-mismatch allow goes on all the same";
                return Err(CommandError::new(said).hint(remedy).usage());
            }
        }
    }
    if !entries.calculation.is_empty() && !query.calculation.is_empty() && entries.calculation != query.calculation {
        let (one, other) = (&entries.calculation, &query.calculation);
        say!("warning: the energies of the entries are of structures {one}, those of the query of structures {other}");
    }
    if !entries.coordinates.is_empty() && !query.coordinates.is_empty() && entries.coordinates != query.coordinates {
        let (one, other) = (&entries.coordinates, &query.coordinates);
        say!(
            "warning: the CIFs of the entries were read with --coordinates {one}, those of the query with --coordinates \
             {other}: atoms near 1/3 and 2/3 are elsewhere"
        );
    }
    Ok(())
}

fn refuse_to_overwrite(args: &HullQueryArgs) -> Result<(), CommandError> {
    let place = |path: &Path| path.canonicalize().ok();
    let reference = args.reference.as_deref().filter(|named| *named != GENBENCH).map(Path::new);
    let read = [Some(args.entries.as_path()), Some(args.query.as_path()), reference];
    let out = place(&args.out);
    if out.is_some() && read.into_iter().flatten().any(|read| place(read) == out) {
        let error = CommandError::new(format!("--out `{}` is one of the tables that are read", args.out.display()));
        return Err(error.hint("name another file").usage());
    }
    Ok(())
}

fn references(named: &str) -> Result<ReferenceEnergies, CommandError> {
    match named {
        GENBENCH => Ok(ReferenceEnergies::genbench()?),
        file => ReferenceEnergies::read(Path::new(file)).map_err(|error| {
            let said = CommandError::from_error(&error);
            match error {
                ReferenceError::Io { .. } => said.hint("--reference takes a file, CSV or JSON, or `genbench`").usage(),
                _ => said.hint("one element and one energy in eV/atom a line, or {\"Fe\": -8.45} as JSON"),
            }
        }),
    }
}

fn of_table(error: TableError) -> CommandError {
    let said = CommandError::from_error(&error);
    match error {
        TableError::MissingColumn { .. } => said.hint("--energy names the column of total energies").usage(),
        TableError::UnknownFormat { .. } | TableError::ColumnType { .. } => said.usage(),
        TableError::Row { .. } => said.hint("mend the row, or leave its energy empty: then it is no entry"),
        _ => said,
    }
}

fn of_entries(error: EntriesError) -> CommandError {
    match error {
        EntriesError::Table(error) => of_table(error),
        other => CommandError::from_error(&other).hint("--energy names the column of total energies"),
    }
}

impl Tally {
    /// `None` for a row without energy, of which nothing is asked.
    fn answer(&mut self, measures: Measures<'_>, row: &TableRow) -> Option<Answer> {
        self.n_rows += 1;
        let mut answer = Answer::default();
        match &row.content {
            Ok(None) => {
                self.n_without_energy += 1;
                return None;
            }
            Ok(Some((composition, energy))) => {
                let found = measures.of(composition, *energy);
                for error in &found.errors {
                    self.failed(&mut answer, reason(error), error.to_string());
                }
                (answer.above, answer.formation_energy) = (found.above, found.formation_energy);
            }
            Err(error) => self.failed(&mut answer, "not readable", error.to_string()),
        }
        self.n_failed += u64::from(!answer.errors.is_empty());
        self.n_answered += u64::from(answer.above.is_some() || answer.formation_energy.is_some());
        Some(answer)
    }

    fn failed(&mut self, answer: &mut Answer, reason: &'static str, sentence: String) {
        *self.reasons.entry(reason).or_default() += 1;
        answer.errors.push(sentence);
    }

    /// For people.
    fn sentence(&self) -> String {
        let n_asked = self.n_rows - self.n_without_energy;
        let failed = match self.n_failed {
            0 => "none failed".to_owned(),
            n => {
                let reasons: Vec<String> = self.reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
                format!("{n} failed ({})", reasons.join(", "))
            }
        };
        format!("query: {n_asked} rows{}, {failed}", left_out(self.n_without_energy))
    }
}

/// What errors are counted by.
fn reason(error: &StabilityError) -> &'static str {
    match error {
        StabilityError::Energy(_) | StabilityError::Hull(HullError::Energy(_)) => "without finite energy per atom",
        StabilityError::Hull(HullError::MissingTerminals { .. }) => "not reached by the hull",
        StabilityError::Hull(HullError::Unsolved { .. }) => "unsolved for rounding errors",
        StabilityError::References(_) => "without reference energy of an element",
    }
}

fn left_out(n_without_energy: u64) -> String {
    if n_without_energy == 0 { String::new() } else { format!(" ({n_without_energy} more without, left out)") }
}

fn write(table: &mut csv::Writer<AtomicFile>, id: &str, answer: &Answer) -> Result<(), csv::Error> {
    // The shortest text that reads back to the same bits.
    let number = |number: Option<f64>| number.map(|number| format!("{number:?}")).unwrap_or_default();
    table.write_record([
        id,
        &number(answer.above.as_ref().map(|above| above.energy)),
        &number(answer.formation_energy),
        &answer.above.as_ref().map(ToString::to_string).unwrap_or_default(),
        &answer.errors.join("; "),
    ])
}
