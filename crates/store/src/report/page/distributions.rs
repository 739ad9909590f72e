//! How energies, forces and volumes are distributed, by potential.

use super::super::plot::{Layout, Marks, Panel, svg};
use super::columns::{Table, number, text};
use super::histogram::{Histogram, Survey};
use crate::StoreError;
use csv::StringRecord;

/// A quantity of a result.
pub(super) struct Quantity {
    /// Of its plot.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    axis: &'static str,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity { name: "energy_per_atom", title: "Energy per atom", unit: "eV/atom", axis: "energy, eV/atom" },
    Quantity { name: "max_force", title: "Largest force", unit: "eV/Å", axis: "largest force, eV/Å" },
    Quantity { name: "volume_per_atom", title: "Volume per atom", unit: "Å³/atom", axis: "volume, Å³/atom" },
];

const COLUMNS: [&str; 5] = ["potential", "energy_per_atom_ev", "max_force_ev_per_a", "volume_a3", "n_atoms"];

/// The values of a row, in the order of the quantities.
fn values(record: &StringRecord, [_, energy, force, volume, n_atoms]: [usize; 5]) -> [Option<f64>; 3] {
    // A volume belongs to a structure: that of a failed evaluation does not count.
    let energy = number(record, energy);
    let per_atom = energy.and_then(|_| Some(number(record, volume)? / number(record, n_atoms)?));
    [energy, number(record, force), per_atom]
}

/// Of a quantity with several potentials.
pub(super) struct Distribution {
    pub(super) quantity: &'static Quantity,
    /// By potential: how many, and least, median, mean, largest.
    pub(super) summaries: Vec<(String, u64, Option<[f64; 4]>)>,
    /// Numbers below and above what is drawn.
    pub(super) outside: [u64; 2],
    /// The plot.
    pub(super) svg: String,
}

/// From `energies.csv`, read twice.
pub(super) fn distributions(energies: &Table, labels: &[&str]) -> Result<Vec<Distribution>, StoreError> {
    let of = |record: &StringRecord, column| labels.iter().position(|label| *label == text(record, column));
    let mut surveys: Vec<Vec<Survey>> =
        QUANTITIES.iter().map(|_| labels.iter().map(|_| Survey::new()).collect()).collect();
    energies.visit(COLUMNS, |row, record, columns| {
        let Some(potential) = of(record, columns[0]) else { return };
        for (surveys, value) in surveys.iter_mut().zip(values(record, columns)) {
            if let (Some(survey), Some(value)) = (surveys.get_mut(potential), value) {
                survey.see(row, value);
            }
        }
    })?;
    let mut histograms: Vec<Option<Histogram>> =
        surveys.iter().map(|surveys| Histogram::over(&surveys.iter().collect::<Vec<_>>())).collect();
    energies.visit(COLUMNS, |_, record, columns| {
        let Some(potential) = of(record, columns[0]) else { return };
        for (histogram, value) in histograms.iter_mut().zip(values(record, columns)) {
            if let (Some(histogram), Some(value)) = (histogram, value) {
                histogram.count(potential, value);
            }
        }
    })?;
    let all = QUANTITIES.iter().zip(surveys).zip(histograms);
    let of_quantity = |((quantity, surveys), histogram): ((&'static Quantity, Vec<Survey>), Option<Histogram>)| {
        let summary = |(label, survey): (&&str, &Survey)| ((*label).to_owned(), survey.n(), survey.summary());
        Distribution {
            quantity,
            summaries: labels.iter().zip(&surveys).map(summary).collect(),
            outside: histogram.as_ref().map(Histogram::outside).unwrap_or_default(),
            svg: draw(quantity, histogram.as_ref(), labels),
        }
    };
    Ok(all.map(of_quantity).collect())
}

fn draw(quantity: &Quantity, histogram: Option<&Histogram>, labels: &[&str]) -> String {
    let axes = [quantity.axis, "structures"];
    let layout = Layout { columns: 1, panel: (620.0, 300.0), axes, marks: Marks::Line, empty: "there are no results" };
    let panel = histogram.map(|histogram| Panel {
        title: quantity.title.into(),
        curves: (0..labels.len()).map(|potential| (potential, histogram.outline(potential))).collect(),
        ..Panel::default()
    });
    svg(&layout, &panel.into_iter().collect::<Vec<_>>(), labels)
}
