//! A database as ASE's `ase.db` has it, in SQLite: <https://ase-lib.org/ase/db/db.html>, version 9 of its tables.

use super::ReportPlan;
use super::database_rows::DatabaseRow;
use super::format::ReportFormat;
use super::structure_frames;
use crate::atomic_file::remove_if_there;
use crate::{AtomicFile, StoreError};
use rusqlite::{Connection, OpenFlags, Statement, params};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What each column holds is said where rows are added. `systems` has a row for each structure with its results; the others
/// repeat what rows are selected by.
const TABLES: &str = "
CREATE TABLE systems (
    id INTEGER PRIMARY KEY AUTOINCREMENT, unique_id TEXT UNIQUE, ctime REAL, mtime REAL, username TEXT,
    numbers BLOB, positions BLOB, cell BLOB, pbc INTEGER,
    initial_magmoms BLOB, initial_charges BLOB, masses BLOB, tags BLOB, momenta BLOB, constraints TEXT,
    calculator TEXT, calculator_parameters TEXT,
    energy REAL, free_energy REAL, forces BLOB, stress BLOB, dipole BLOB, magmoms BLOB, magmom REAL, charges BLOB,
    key_value_pairs TEXT, data BLOB,
    natoms INTEGER, fmax REAL, smax REAL, volume REAL, mass REAL, charge REAL);
CREATE TABLE species (Z INTEGER, n INTEGER, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id));
CREATE TABLE keys (key TEXT, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id));
CREATE TABLE text_key_values (key TEXT, value TEXT, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id));
CREATE TABLE number_key_values (key TEXT, value REAL, id INTEGER, FOREIGN KEY (id) REFERENCES systems(id));
CREATE TABLE information (name TEXT, value TEXT);
INSERT INTO information VALUES ('version', '9');
CREATE INDEX unique_id_index ON systems(unique_id);
CREATE INDEX ctime_index ON systems(ctime);
CREATE INDEX username_index ON systems(username);
CREATE INDEX calculator_index ON systems(calculator);
CREATE INDEX species_index ON species(Z);
CREATE INDEX key_index ON keys(key);
CREATE INDEX text_index ON text_key_values(key);
CREATE INDEX number_index ON number_key_values(key);
";

/// There is one writer, of a file that nobody else knows and that appears whole or not at all: no journal, no lock (which
/// cluster file systems may lack), no sync before the end. Pages that memory does not hold, 8 MB, go to the file.
const SETTINGS: &str = "
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8192;
PRAGMA foreign_keys = OFF;
BEGIN;
";

/// A VFS of SQLite that locks nothing.
const VFS: &str = "unix-none";

const SYSTEM: &str = "INSERT INTO systems
    (unique_id, ctime, mtime, numbers, positions, cell, pbc, calculator, calculator_parameters, energy, free_energy,
     forces, stress, magmoms, magmom, key_value_pairs, data, natoms, fmax, smax, volume, mass, charge)
    VALUES (?1, 0.0, 0.0, ?2, ?3, ?4, 7, ?5, '{}', ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
const SPECIES: &str = "INSERT INTO species VALUES (?1, ?2, ?3)";
const KEY: &str = "INSERT INTO keys VALUES (?1, ?2)";
const TEXT: &str = "INSERT INTO text_key_values VALUES (?1, ?2, ?3)";
const NUMBER: &str = "INSERT INTO number_key_values VALUES (?1, ?2, ?3)";

/// ASE's form of an object without members: where its JSON begins, and that.
const NO_DATA: [u8; 10] = *b"\x08\0\0\0\0\0\0\0{}";

/// Names of the databases without their ending, one for each potential, where they are asked for.
pub(super) fn names(plan: &ReportPlan) -> Vec<String> {
    let potentials = if plan.writes(ReportFormat::AseDb) { plan.potentials.as_slice() } else { &[] };
    potentials.iter().map(|potential| structure_frames::name(potential, potentials.len())).collect()
}

/// `NAME.db`, which grows by rows.
pub(super) struct DatabaseFile {
    connection: Connection,
    file: AtomicFile,
    path: PathBuf,
}

impl DatabaseFile {
    /// Begins the file.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, StoreError> {
        let path = folder.join(format!("{name}.db"));
        let file = AtomicFile::create(&path)?;
        let begin = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags_and_vfs(file.partial(), flags, VFS)?;
            connection.execute_batch(SETTINGS)?;
            connection.execute_batch(TABLES)?;
            Ok(connection)
        };
        match begin() {
            Ok(connection) => Ok(Self { connection, file, path }),
            Err(source) => Err(StoreError::Database { path, source }),
        }
    }

    /// Adds rows.
    pub(super) fn append(&mut self, rows: &[DatabaseRow]) -> Result<(), StoreError> {
        let add = || {
            let mut inserts = Inserts::prepare(&self.connection)?;
            rows.iter().try_for_each(|row| inserts.add(row))
        };
        add().map_err(|source| StoreError::Database { path: self.path.clone(), source })
    }

    /// Renames the database into its place.
    pub(super) fn commit(self) -> Result<PathBuf, StoreError> {
        let Self { connection, file, path } = self;
        let ended = connection.execute_batch("COMMIT").and_then(|()| connection.close().map_err(|(_, source)| source));
        ended.map_err(|source| StoreError::Database { path: path.clone(), source })?;
        // What another program left there that wrote into the database before, and died: it is of that one.
        beside(&path).try_for_each(|name| remove_if_there(&name))?;
        file.commit()?;
        Ok(path)
    }
}

/// Files that SQLite puts beside a database while it is written to.
pub(super) fn beside(database: &Path) -> impl Iterator<Item = PathBuf> {
    ["-journal", "-wal", "-shm"].into_iter().map(|end| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

/// What adds rows to the tables.
struct Inserts<'c> {
    connection: &'c Connection,
    system: Statement<'c>,
    species: Statement<'c>,
    key: Statement<'c>,
    text: Statement<'c>,
    number: Statement<'c>,
}

impl<'c> Inserts<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            system: connection.prepare(SYSTEM)?,
            species: connection.prepare(SPECIES)?,
            key: connection.prepare(KEY)?,
            text: connection.prepare(TEXT)?,
            number: connection.prepare(NUMBER)?,
        })
    }

    fn add(&mut self, row: &DatabaseRow) -> rusqlite::Result<()> {
        let texts = row.texts.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        let values = row.values.iter().map(|(name, value)| (name.clone(), Value::from(*value)));
        let pairs = Value::Object(texts.chain(values).collect()).to_string();
        self.system.execute(params![
            row.unique_id,
            row.numbers.as_slice(),
            row.positions.as_slice(),
            row.cell.as_slice(),
            row.label,
            row.energy,
            row.forces.as_ref().map(|array| array.as_slice()),
            row.stress.as_ref().map(|array| array.as_slice()),
            row.magmoms.as_ref().map(|array| array.as_slice()),
            row.magmom,
            pairs,
            NO_DATA,
            row.species.iter().map(|(_, count)| count).sum::<u32>(),
            row.fmax,
            row.smax,
            row.volume,
            row.mass,
            f64::from(row.charge.unwrap_or(0)),
        ])?;
        let id = self.connection.last_insert_rowid();
        for (number, count) in &row.species {
            self.species.execute(params![number, count, id])?;
        }
        for (name, text) in &row.texts {
            self.key.execute(params![name, id])?;
            self.text.execute(params![name, text, id])?;
            if let Some(number) = taken_for(text) {
                self.number.execute(params![name, number, id])?;
            }
        }
        for (name, value) in &row.values {
            self.key.execute(params![name, id])?;
            self.number.execute(params![name, value, id])?;
        }
        Ok(())
    }
}

/// The number that ASE takes this text for where rows are selected by it: `structure_id=0012` looks for 12, among numbers.
/// None for `nan`, which is equal to nothing.
fn taken_for(text: &str) -> Option<f64> {
    let text = match text {
        "True" => return Some(1.0),
        "False" => return Some(0.0),
        _ => text.trim().as_bytes(),
    };
    // Python allows one between digits.
    let is_between = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    if (0..text.len()).any(|at| text[at] == b'_' && !is_between(at)) {
        return None;
    }
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'_').collect();
    std::str::from_utf8(&text).ok()?.parse().ok().filter(|number: &f64| !number.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_look_like_numbers_are_found_as_ase_looks_for_them() {
        let numbers = [("0012", 12.0), ("-1e3", -1000.0), ("1_0", 10.0), ("True", 1.0), ("inf", f64::INFINITY)];
        for (text, number) in numbers.into_iter().chain([("1e400", f64::INFINITY), (" -Infinity", f64::NEG_INFINITY)]) {
            assert_eq!(taken_for(text), Some(number), "{text}");
        }
        for text in ["mp-12", "", "nan", "1a", "true", "_1", "1_", "1__0", "1_.5"] {
            assert_eq!(taken_for(text), None, "{text}");
        }
    }

    #[test]
    fn a_database_that_is_not_finished_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        drop(DatabaseFile::create(folder.path(), "structures").unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        DatabaseFile::create(folder.path(), "structures").unwrap().commit().unwrap();
        let names = || -> Vec<_> {
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        assert_eq!(names(), ["structures.db"]);
        // Of a program that wrote into it and died: it would be put into the new one.
        std::fs::write(folder.path().join("structures.db-journal"), "pages").unwrap();
        DatabaseFile::create(folder.path(), "structures").unwrap().commit().unwrap();
        assert_eq!(names(), ["structures.db"]);
    }

    #[test]
    fn a_database_that_cannot_grow_is_an_error_and_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DatabaseFile::create(folder.path(), "structures").unwrap();
        file.connection.pragma_update(None, "max_page_count", 40).unwrap();
        let row = DatabaseRow {
            unique_id: "one".into(),
            label: "chgnet".into(),
            texts: vec![("structure_id".into(), "a".repeat(1 << 20))],
            ..DatabaseRow::default()
        };
        let error = file.append(&[row]).unwrap_err();
        assert!(matches!(error, StoreError::Database { .. }), "{error}");
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
