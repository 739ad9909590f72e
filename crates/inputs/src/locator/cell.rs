//! Reading one cell of a table by the place of its row.
//!
//! A reader of whole tables builds an automaton and large buffers; for one row that costs more than the row. So each
//! thread keeps one automaton for each kind of table, and the tables open.

use super::handle::{Place, from_io, shared, too_large, unreadable};
use super::place::MAX_CIF_BYTES;
use crate::table::is_tsv;
use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use mlip_atoms::Failure;
use std::cell::RefCell;
use std::os::unix::fs::FileExt;

/// Bytes read at first; twice as many each time that the row is longer.
const FIRST_CHUNK: usize = 8 << 10;
const LONGEST_CHUNK: usize = 1 << 20;
/// Room for a field at first, and what of it is kept for the next row.
const FIRST_FIELD: usize = 4 << 10;
const MOST_KEPT: usize = 1 << 20;

/// Automaton, bytes of the table, and the field that is being read.
struct Scratch {
    automata: [Option<Reader>; 2],
    chunk: Vec<u8>,
    field: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        const { RefCell::new(Scratch { automata: [None, None], chunk: Vec::new(), field: Vec::new() }) };
}

pub(super) fn read_cell(place: Place<'_>, row: u64, byte_offset: u64, column: u32) -> Result<Vec<u8>, Failure> {
    SCRATCH.with_borrow_mut(|scratch| {
        let is_tsv = is_tsv(place.path);
        let automaton = scratch.automata[usize::from(is_tsv)].get_or_insert_with(|| {
            let mut builder = ReaderBuilder::new();
            builder.delimiter(if is_tsv { b'\t' } else { b',' }).build()
        });
        automaton.reset();
        let (chunk, field) = (&mut scratch.chunk, &mut scratch.field);
        let cell = Cell { place, row, next: byte_offset, chunk, begin: 0 };
        let found = cell.read(automaton, column, field).map(|length| field[..length].to_vec());
        // Not the room of the largest cell there was for as long as the thread lives.
        if field.len() > MOST_KEPT {
            *field = Vec::new();
        }
        found
    })
}

/// A row that is being read.
struct Cell<'a> {
    place: Place<'a>,
    row: u64,
    /// Where the next chunk starts in the table.
    next: u64,
    chunk: &'a mut Vec<u8>,
    /// First byte of the chunk that the automaton has not seen.
    begin: usize,
}

impl Cell<'_> {
    fn changed(&self) -> Failure {
        unreadable(
            self.place.path.display(),
            &format!("has no row {} where it was", self.row),
            "the table has changed since the run began: start a new run",
        )
    }

    /// Reads on; false at the end of the table.
    fn refill(&mut self, file: &std::fs::File, size: usize) -> Result<bool, Failure> {
        self.chunk.resize(size, 0);
        self.begin = 0;
        let found = loop {
            match file.read_at(self.chunk, self.next) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| from_io(self.place.path, &error))?,
            }
        };
        self.chunk.truncate(found);
        self.next += found as u64;
        Ok(found > 0)
    }

    /// Reads the cell into the beginning of `field`; gives its length.
    fn read(mut self, automaton: &mut Reader, column: u32, field: &mut Vec<u8>) -> Result<usize, Failure> {
        let file = shared(self.place)?;
        let mut size = FIRST_CHUNK;
        if !self.refill(&file, size)? {
            return Err(self.changed());
        }
        field.resize(field.len().max(FIRST_FIELD), 0);
        let (mut filled, mut n_fields, mut total) = (0, 0u32, 0u64);
        loop {
            let (result, used, written) = automaton.read_field(&self.chunk[self.begin..], &mut field[filled..]);
            self.begin += used;
            filled += written;
            total += used as u64;
            if total > MAX_CIF_BYTES {
                return Err(too_large(format_args!("{}:{}", self.place.path.display(), self.row)));
            }
            match result {
                ReadFieldResult::InputEmpty => {
                    size = (2 * size).min(LONGEST_CHUNK);
                    // At the end of the table the automaton is shown nothing, which ends the row.
                    self.refill(&file, size)?;
                }
                ReadFieldResult::OutputFull => field.resize(2 * field.len(), 0),
                ReadFieldResult::Field { record_end } => {
                    if n_fields == column {
                        return Ok(filled);
                    }
                    n_fields += 1;
                    filled = 0;
                    if record_end {
                        return Err(unreadable(
                            self.place.path.display(),
                            &format!("has only {n_fields} cells in row {}", self.row),
                            "correct the row, or its quotes",
                        ));
                    }
                }
                ReadFieldResult::End => return Err(self.changed()),
            }
        }
    }
}
