//! Potentials against each other: parity of two, outliers, and the spread of all.

use super::super::plot::{Layout, Link, Marks, Panel, svg};
use super::columns::{Table, number, place, text};
use super::histogram::{Histogram, Survey};
use super::sample::{Sample, quantile};
use crate::StoreError;
use csv::StringRecord;
use std::cmp::Ordering;

/// Pairs that are compared, at most.
const MOST_PAIRS: usize = 6;

/// Points of a plot, at most.
const MOST_POINTS: usize = 1500;

/// Outliers of a pair that are named.
const OUTLIERS: usize = 8;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    EnergyPerAtom,
    MaxForce,
}

impl Compared {
    /// Of its plot.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EnergyPerAtom => "parity_energy",
            Self::MaxForce => "parity_force",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::EnergyPerAtom => "Energy per atom, eV/atom",
            Self::MaxForce => "Largest force, eV/Å",
        }
    }

    fn columns(self, columns: &[String], labels: &[&str]) -> Columns {
        let quantity = if self == Self::EnergyPerAtom { "energy" } else { "max_force" };
        let of = labels.iter().map(|label| place(columns, &format!("{quantity}_{label}")));
        Columns {
            id: place(columns, "structure_id"),
            formula: place(columns, "formula"),
            n_atoms: place(columns, "n_atoms"),
            values: of.collect(),
            is_per_atom: self == Self::EnergyPerAtom,
        }
    }
}

struct Columns {
    id: usize,
    formula: usize,
    n_atoms: usize,
    values: Vec<usize>,
    is_per_atom: bool,
}

impl Columns {
    fn value(&self, record: &StringRecord, potential: usize) -> Option<f64> {
        let value = number(record, *self.values.get(potential)?)?;
        if self.is_per_atom { Some(value / number(record, self.n_atoms)?) } else { Some(value) }
    }

    fn pair(&self, record: &StringRecord, (a, b): (usize, usize)) -> Option<(f64, f64)> {
        Some((self.value(record, a)?, self.value(record, b)?))
    }
}

/// A structure about which two potentials differ otherwise than about most.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outlier {
    /// Line of `ensemble.csv`, from 1, the heading included.
    pub(super) line: u64,
    pub(super) id: String,
    pub(super) formula: String,
    pub(super) values: (f64, f64),
    /// From the median of the differences, second less first.
    pub(super) deviation: f64,
}

/// Two potentials.
pub(super) struct Pair {
    pub(super) labels: (String, String),
    /// Structures with results of both.
    pub(super) n: u64,
    /// Of the second less the first: median (of a sample where there are many), mean, root of the mean square.
    pub(super) differences: Option<[f64; 3]>,
    /// Those farthest from the median first.
    pub(super) outliers: Vec<Outlier>,
    /// Whether the plot shows a sample.
    pub(super) is_sample: bool,
    points: Vec<(f64, f64)>,
}

/// All pairs about one quantity.
pub(super) struct Parity {
    pub(super) compared: Compared,
    pub(super) pairs: Vec<Pair>,
    /// Pairs beyond those.
    pub(super) n_left_out: usize,
    pub(super) svg: String,
}

/// The place of an outlier in the page.
pub(super) fn anchor(compared: Compared, pair: usize, outlier: usize) -> String {
    format!("{}-{pair}-{outlier}", compared.name())
}

/// From `ensemble.csv`, read twice.
pub(super) fn parity(ensemble: &Table, labels: &[&str], compared: Compared) -> Result<Parity, StoreError> {
    let all: Vec<(usize, usize)> = (0..labels.len()).flat_map(|a| (a + 1..labels.len()).map(move |b| (a, b))).collect();
    let of_pairs: Vec<(usize, usize)> = all.iter().copied().take(MOST_PAIRS).collect();
    let mut samples: Vec<Sample<(f64, f64)>> = of_pairs.iter().map(|_| Sample::new(MOST_POINTS)).collect();
    let mut sums = vec![[0.0; 2]; of_pairs.len()];
    let choose = |columns: &[String]| compared.columns(columns, labels);
    ensemble.visit_all(choose, |row, record, columns| {
        for ((pair, sample), sums) in of_pairs.iter().zip(&mut samples).zip(&mut sums) {
            let Some((a, b)) = columns.pair(record, *pair) else { continue };
            sample.see(row, (a, b));
            sums[0] += b - a;
            sums[1] += (b - a) * (b - a);
        }
    })?;
    let medians: Vec<f64> = samples.iter().map(median_difference).collect();
    let mut outliers: Vec<Vec<Outlier>> = vec![Vec::new(); of_pairs.len()];
    let choose = |columns: &[String]| compared.columns(columns, labels);
    ensemble.visit_all(choose, |row, record, columns| {
        for ((pair, median), outliers) in of_pairs.iter().zip(&medians).zip(&mut outliers) {
            let Some(values) = columns.pair(record, *pair) else { continue };
            let deviation = values.1 - values.0 - median;
            let is_among =
                outliers.len() < OUTLIERS || outliers.last().is_some_and(|last| deviation.abs() > last.deviation.abs());
            if is_among && deviation != 0.0 {
                let (id, formula) = (text(record, columns.id).to_owned(), text(record, columns.formula).to_owned());
                outliers.push(Outlier { line: row + 2, id, formula, values, deviation });
                outliers.sort_by(farthest_first);
                outliers.truncate(OUTLIERS);
            }
        }
    })?;
    let found = of_pairs.iter().zip(samples).zip(sums).zip(medians).zip(outliers);
    let pairs: Vec<Pair> = found
        .map(|((((&(a, b), sample), [sum, squares]), median), outliers)| {
            let n = sample.n_seen();
            let differences = (n > 0).then(|| [median, sum / n as f64, (squares / n as f64).sqrt()]);
            let labels = (labels[a].to_owned(), labels[b].to_owned());
            let points = sample.rows().copied().collect();
            Pair { labels, n, differences, outliers, is_sample: sample.is_partial(), points }
        })
        .collect();
    let svg = draw(compared, &pairs);
    Ok(Parity { compared, n_left_out: all.len() - pairs.len(), pairs, svg })
}

fn median_difference(sample: &Sample<(f64, f64)>) -> f64 {
    let mut differences: Vec<f64> = sample.rows().map(|(a, b)| b - a).collect();
    differences.sort_by(f64::total_cmp);
    quantile(&differences, 0.5).unwrap_or(0.0)
}

fn farthest_first(a: &Outlier, b: &Outlier) -> Ordering {
    b.deviation.abs().total_cmp(&a.deviation.abs()).then(a.line.cmp(&b.line))
}

/// A panel for each pair. Outliers are circles that lead to their rows in the page, as far as they are in the range of the
/// others.
fn draw(compared: Compared, pairs: &[Pair]) -> String {
    let panel = |(number, pair): (usize, &Pair)| {
        let (a, b) = &pair.labels;
        let range = Range::of(&pair.points);
        let link = |(place, outlier): (usize, &Outlier)| Link {
            at: outlier.values,
            name: format!("{} ({}): {:.4} and {:.4}", outlier.id, outlier.formula, outlier.values.0, outlier.values.1),
            place: anchor(compared, number, place),
        };
        Panel {
            curves: [(0, pair.points.iter().copied().filter(|point| range.holds(*point)).collect())].into(),
            links: pair.outliers.iter().enumerate().map(link).filter(|link| range.holds(link.at)).collect(),
            has_diagonal: true,
            axes: Some([a.clone(), b.clone()]),
            ..Panel::default()
        }
    };
    let columns = pairs.len().clamp(1, 2);
    let axes = ["", ""];
    let empty = "no structure has results of two potentials";
    let layout = Layout { columns, panel: (340.0, 340.0), axes, marks: Marks::Points, empty };
    let drawn = pairs.iter().enumerate().filter(|(_, pair)| pair.n > 0).map(panel).collect::<Vec<_>>();
    svg(&layout, &drawn, &[])
}

/// Where nearly all points are, and a good deal around it.
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    fn of(points: &[(f64, f64)]) -> Self {
        let mut sorted: Vec<f64> = points.iter().flat_map(|(a, b)| [*a, *b]).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| quantile(&sorted, part).unwrap_or(0.0);
        // Ten times the middle half of the numbers.
        let margin = 4.5 * (at(0.75) - at(0.25));
        match margin > 0.0 {
            true => Self { low: at(0.25) - margin, high: at(0.75) + margin },
            false => Self { low: at(0.0), high: at(1.0) },
        }
    }

    fn holds(&self, (a, b): (f64, f64)) -> bool {
        let inside = self.low..=self.high;
        inside.contains(&a) && inside.contains(&b)
    }
}

/// How far all potentials are apart.
pub(super) struct Spread {
    /// How many, and least, median, mean, largest, eV/atom.
    pub(super) n: u64,
    pub(super) summary: Option<[f64; 4]>,
    /// Beyond what is drawn.
    pub(super) n_outside: u64,
    pub(super) svg: String,
}

/// The standard deviation of the energies of all potentials, eV/atom, of structures with two at least; from `ensemble.csv`,
/// read twice.
pub(super) fn spread(ensemble: &Table) -> Result<Spread, StoreError> {
    const COLUMNS: [&str; 3] = ["energy_std", "n_atoms", "energy_n_mlips"];
    let value = |record: &StringRecord, [std, n_atoms, n]: [usize; 3]| {
        number(record, n).filter(|n| *n >= 2.0)?;
        Some(number(record, std)? / number(record, n_atoms)?)
    };
    let mut survey = Survey::new();
    ensemble.visit(COLUMNS, |row, record, columns| {
        if let Some(value) = value(record, columns) {
            survey.see(row, value);
        }
    })?;
    let mut histogram = Histogram::over(&[&survey]);
    ensemble.visit(COLUMNS, |_, record, columns| {
        if let (Some(histogram), Some(value)) = (&mut histogram, value(record, columns)) {
            histogram.count(0, value);
        }
    })?;
    let axes = ["standard deviation over the potentials, eV/atom", "structures"];
    let empty = "no structure has results of two potentials";
    let layout = Layout { columns: 1, panel: (620.0, 300.0), axes, marks: Marks::Line, empty };
    let title = "Spread of the energies".to_owned();
    let curves = histogram.as_ref().map(|histogram| [(0, histogram.outline(0))].into());
    let panels: Vec<Panel> = curves.map(|curves| Panel { title, curves, ..Panel::default() }).into_iter().collect();
    Ok(Spread {
        n: survey.n(),
        summary: survey.summary(),
        n_outside: histogram.as_ref().map_or(0, |histogram| histogram.outside().iter().sum()),
        svg: svg(&layout, &panels, &[]),
    })
}
