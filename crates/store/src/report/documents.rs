//! Structures with their results, in the forms that are asked for.

use super::ReportPlan;
use super::cif_archive::{self, CifArchives};
use super::format::ReportFormat;
use super::genbench::{self, Genbench};
use super::potential::LabeledPotential;
use super::row::EntryRow;
use super::stability::EntryStability;
use super::structure_frames::{self, StructureFrames};
use super::structure_lines::StructureLines;
use super::table::Content;
use crate::StoreError;

/// Names and kinds of the files, in the order of [`Documents::finish`].
pub(super) fn files(plan: &ReportPlan) -> Vec<(String, Content)> {
    let potentials = &plan.potentials;
    let each = |content: Content| {
        let name = |potential| (structure_frames::name(potential, potentials.len()), content.clone());
        potentials.iter().map(name).collect::<Vec<_>>()
    };
    let mut files = Vec::new();
    if plan.writes(ReportFormat::Extxyz) {
        files.extend(each(Content::Structures));
    }
    if plan.writes(ReportFormat::Jsonl) {
        files.extend(each(Content::Lines));
    }
    if plan.writes(ReportFormat::Genbench) {
        files.push((genbench::NAME.to_owned(), Content::Lines));
    }
    if plan.writes(ReportFormat::Cif) && plan.has_relaxations() {
        files.extend(potentials.iter().map(|potential| (cif_archive::name(potential), Content::Archive)));
    }
    files
}

/// What they hold for some entries.
pub(super) struct Documents {
    frames: Option<StructureFrames>,
    lines: Option<StructureLines>,
    genbench: Option<Genbench>,
    archives: Option<CifArchives>,
}

impl Documents {
    pub(super) fn new(plan: &ReportPlan) -> Self {
        let n_potentials = plan.potentials.len();
        let cifs = plan.writes(ReportFormat::Cif) && plan.has_relaxations();
        Self {
            frames: plan.writes(ReportFormat::Extxyz).then(|| StructureFrames::new(n_potentials)),
            lines: plan.writes(ReportFormat::Jsonl).then(|| StructureLines::new(n_potentials)),
            genbench: plan.writes(ReportFormat::Genbench).then(|| Genbench::new(plan.embeddings)),
            archives: cifs.then(|| CifArchives::new(n_potentials)),
        }
    }

    pub(super) fn write(
        &mut self,
        entry: &EntryRow<'_>,
        potentials: &[LabeledPotential],
        stability: Option<&EntryStability>,
    ) -> Result<(), StoreError> {
        if let Some(frames) = &mut self.frames {
            frames.write(entry, potentials);
        }
        if let Some(lines) = &mut self.lines {
            lines.write(entry, potentials);
        }
        if let Some(genbench) = &mut self.genbench {
            genbench.write(entry, potentials, stability);
        }
        self.archives.as_mut().map_or(Ok(()), |archives| archives.write(entry, potentials))
    }

    pub(super) fn finish(self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut texts = self.frames.map(StructureFrames::finish).unwrap_or_default();
        texts.extend(self.lines.map(StructureLines::finish).unwrap_or_default());
        texts.extend(self.genbench.map(Genbench::finish));
        texts.extend(self.archives.map(CifArchives::finish).transpose()?.unwrap_or_default());
        Ok(texts)
    }
}
