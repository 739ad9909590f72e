//! Columns of the linear program of a system of elements, made once and kept for those who ask next.

use crate::composition::ElementSet;
use crate::entries::Entries;
use crate::linear_program::Columns;
use crate::packed::Row;
use mlip_atoms::Species;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A system of elements: everything that a mixture of these elements may consist of.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) columns: Columns,
    elements: Vec<Species>,
    /// Columns behind those of the elements, by the systems of their entries: the first column and the elements.
    runs: Vec<(usize, ElementSet)>,
}

/// What a column stands for.
pub(crate) enum Member<'e> {
    Element(Species),
    Compound(ElementSet, &'e Row),
}

impl System {
    fn build(entries: &Entries, elements: ElementSet) -> Self {
        let list: Vec<Species> = elements.iter().collect();
        let compounds = entries.compounds_within(elements);
        let n_compounds = compounds.iter().map(|(_, rows)| rows.len()).sum::<usize>();
        let (mut parts, mut energies) = (vec![0.0; n_compounds * list.len()], Vec::with_capacity(n_compounds));
        let mut runs = Vec::with_capacity(compounds.len());
        let mut of_column = parts.chunks_exact_mut(list.len().max(1));
        for (system, rows) in compounds {
            runs.push((list.len() + energies.len(), system));
            let positions: Vec<usize> =
                list.iter().enumerate().filter(|(_, element)| system.contains(**element)).map(|(at, _)| at).collect();
            for row in rows {
                energies.push(row.energy);
                let Some(column) = of_column.next() else { continue };
                for (position, part) in positions.iter().zip(row.fractions()) {
                    column[*position] = part;
                }
            }
        }
        let columns = Columns::new(list.len(), &parts, &energies);
        Self { columns, elements: list, runs }
    }

    /// What a column stands for, in the entries that the system was made of.
    pub(crate) fn member<'e>(&self, entries: &'e Entries, column: usize) -> Option<Member<'e>> {
        if let Some(element) = self.elements.get(column) {
            return Some(Member::Element(*element));
        }
        let run = self.runs.partition_point(|(first, _)| *first <= column).checked_sub(1)?;
        let (first, system) = *self.runs.get(run)?;
        Some(Member::Compound(system, entries.rows(system).get(column - first)?))
    }

    /// Memory that it holds.
    fn n_bytes(&self) -> usize {
        self.columns.n_bytes() + self.runs.len() * size_of::<(usize, ElementSet)>() + size_of::<Self>()
    }
}

/// Systems that were asked for lately, within a bound of memory.
#[derive(Debug)]
pub(crate) struct Cache {
    kept: Mutex<Kept>,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// With the time of the last question, counted in questions.
    systems: HashMap<ElementSet, (Arc<System>, u64)>,
    n_bytes: usize,
    n_questions: u64,
}

impl Cache {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { kept: Mutex::default(), max_bytes }
    }

    /// The system of these elements. Threads that ask for the same at once may both make it; both are equal.
    pub(crate) fn system(&self, entries: &Entries, elements: ElementSet) -> Arc<System> {
        if let Some(known) = self.lock().find(elements) {
            return known;
        }
        let made = Arc::new(System::build(entries, elements));
        self.lock().keep(elements, &made, self.max_bytes);
        made
    }

    /// A thread that panicked while it held the lock left whole systems behind: they are inserted in one step.
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn find(&mut self, elements: ElementSet) -> Option<Arc<System>> {
        self.n_questions += 1;
        let (system, asked) = self.systems.get_mut(&elements)?;
        *asked = self.n_questions;
        Some(Arc::clone(system))
    }

    fn keep(&mut self, elements: ElementSet, system: &Arc<System>, max_bytes: usize) {
        if system.n_bytes() > max_bytes {
            return;
        }
        if self.n_bytes + system.n_bytes() > max_bytes {
            self.forget_older_half(max_bytes / 2);
        }
        if self.systems.insert(elements, (Arc::clone(system), self.n_questions)).is_none() {
            self.n_bytes += system.n_bytes();
        }
        if self.n_bytes > max_bytes {
            self.forget_older_half(max_bytes / 2);
        }
    }

    /// Half at a time, so that a question costs little on average.
    fn forget_older_half(&mut self, wanted: usize) {
        let mut ages: Vec<(u64, ElementSet)> = self.systems.iter().map(|(key, (_, asked))| (*asked, *key)).collect();
        ages.sort_unstable();
        for (_, key) in ages {
            if self.n_bytes <= wanted {
                break;
            }
            if let Some((system, _)) = self.systems.remove(&key) {
                self.n_bytes -= system.n_bytes();
            }
        }
    }
}
