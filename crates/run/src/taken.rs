//! Which entries of a finished run a filter takes.

use crate::Error;
use crate::filter::{Comparison, Filter, number_of};
use crate::finished::FinishedRun;
use std::collections::BTreeSet;

/// Tables with a row for each entry, and those with one for each entry and potential, as they are looked through.
const TABLES: [(&str, bool); 4] = [("ensemble", false), ("relaxation", true), ("energies", true), ("stability", true)];
/// Names that are given where one is not known.
const SUGGESTED: usize = 4;

/// Entries of a run, by their place in its list.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) is_taken: Vec<bool>,
    /// Of the others, those that lack a value that is asked for.
    pub(crate) n_without: usize,
}

/// Where the values of a comparison stand.
struct Place {
    table: &'static str,
    column: usize,
    /// The rows with this label; all if nothing is said.
    label: Option<String>,
}

/// Those that the filter takes.
pub(crate) fn taken(run: &FinishedRun, filter: &Filter) -> Result<Taken, Error> {
    let mut tables = Vec::new();
    for (name, per_potential) in TABLES {
        if let Some(mut table) = run.table(name)? {
            tables.push((name, per_potential, table.columns()?));
        }
    }
    let places = filter.comparisons().map(|one| place(run, &tables, one)).collect::<Result<Vec<_>, _>>()?;
    let mut values: Vec<Vec<Option<f64>>> = vec![Vec::new(); places.len()];
    let names: BTreeSet<&str> = places.iter().map(|place| place.table).collect();
    for name in names {
        let Some(table) = run.table(name)? else { continue };
        let Some((_, per_potential, columns)) = tables.iter().find(|(known, ..)| *known == name) else { continue };
        let label = columns.iter().position(|column| column == "potential").filter(|_| *per_potential);
        let path = table.path().to_owned();
        for row in table.rows() {
            let row = row?;
            for (place, values) in places.iter().zip(&mut values).filter(|(place, _)| place.table == name) {
                if label.is_some_and(|column| row.get(column) != place.label.as_deref()) {
                    continue;
                }
                let found = row.get(place.column).unwrap_or_default();
                let no_number = || Error::NoNumber {
                    path: path.clone(),
                    column: columns.get(place.column).cloned().unwrap_or_default(),
                    id: row.get(0).unwrap_or_default().into(),
                    found: found.into(),
                };
                let value = if found.is_empty() { None } else { Some(number_of(found).ok_or_else(no_number)?) };
                values.push(value);
            }
        }
    }
    let n_entries = run.n_entries();
    for (place, values) in places.iter().zip(&values) {
        if values.len() != n_entries {
            return Err(Error::OtherRows {
                folder: run.folder().into(),
                table: place.table,
                rows: values.len(),
                n_entries,
            });
        }
    }
    let mut taken = Taken { is_taken: Vec::with_capacity(n_entries), n_without: 0 };
    for entry in 0..n_entries {
        let own: Vec<Option<f64>> = values.iter().map(|values| values.get(entry).copied().flatten()).collect();
        let is_taken = filter.holds(&own);
        taken.n_without += usize::from(!is_taken && own.iter().any(Option::is_none));
        taken.is_taken.push(is_taken);
    }
    if !taken.is_taken.contains(&true) {
        return Err(Error::NothingTaken {
            folder: run.folder().into(),
            filter: filter.to_string(),
            n_entries,
            n_without: taken.n_without,
        });
    }
    Ok(taken)
}

/// A column by its name, or for a potential by `NAME_LABEL` in the table of all potentials.
fn place(run: &FinishedRun, tables: &[(&'static str, bool, Vec<String>)], one: &Comparison) -> Result<Place, Error> {
    let labels = run.labels();
    // Also an error where the label is none.
    let label = match (&one.label, labels.as_slice()) {
        (Some(label), _) => Some(run.potential(Some(label))?.label.clone()),
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    };
    let of = |name: &str, per_potential: bool| {
        tables
            .iter()
            .filter(|(_, per, _)| *per == per_potential)
            .find_map(|(table, _, columns)| Some((*table, columns.iter().position(|column| column == name)?)))
    };
    let name = one.column.as_str();
    if let (None, Some((table, column))) = (&one.label, of(name, false)) {
        return Ok(Place { table, column, label: None });
    }
    if let Some(label) = &label {
        if let Some((table, column)) = of(name, true) {
            return Ok(Place { table, column, label: Some(label.clone()) });
        }
        if let Some((table, column)) = of(&format!("{name}_{label}"), false) {
            return Ok(Place { table, column, label: None });
        }
    } else {
        let has_it = |label: &String| of(&format!("{name}_{label}"), false).is_some();
        if of(name, true).is_some() || labels.iter().any(has_it) {
            let like = labels.iter().map(|label| format!("{label}:{name}"));
            let mean = format!("{name}_mean");
            let mean = of(&mean, false).map(|_| mean);
            return Err(Error::ManyValues { column: name.into(), like: like.chain(mean).collect() });
        }
    }
    let known: BTreeSet<&str> = tables.iter().flat_map(|(.., columns)| columns.iter().map(String::as_str)).collect();
    let mut alike: Vec<(f64, &str)> =
        known.into_iter().map(|column| (strsim::jaro_winkler(name, column), column)).collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let like = alike.into_iter().take(SUGGESTED).map(|(_, column)| column.to_owned()).collect();
    let tables = tables.iter().map(|(table, ..)| format!("{table}.csv")).collect();
    Err(Error::UnknownColumn { folder: run.folder().into(), column: name.into(), like, tables })
}
