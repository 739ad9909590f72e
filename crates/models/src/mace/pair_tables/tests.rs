use super::plan::{Place, Plan};
use super::*;
use crate::e3nn::Scratch;
use crate::mace::file::ModelFile;
use crate::mace::graph::Graph;
use crate::mace::radial::{Basis, Density, RadialNetwork};
use mlip_atoms::Deadline;
use mlip_atoms::neighbors::Pair;
use mlip_kernels::simd::{InstructionSet, Real};
use std::path::Path;

/// Both layers of a model with Agnesi's transform, and its tables' step.
struct Model<T> {
    basis: Basis,
    layers: Vec<(RadialNetwork<T>, Density)>,
    step: f64,
}

fn file() -> ModelFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mace/density_zbl_agnesi");
    ModelFile::open(&folder.join("density_zbl_agnesi.model")).unwrap()
}

fn model<T: Real>(set: InstructionSet) -> Model<T> {
    let file = file();
    let basis = Basis::read(&file).unwrap();
    let layers = file.config.layers.iter().enumerate().map(|(number, layer)| {
        let columns: Vec<_> = (0..*layer.radial_widths.last().unwrap()).map(Some).collect();
        let network = RadialNetwork::read(&file, number, &layer.radial_widths, &columns, &basis, false, set).unwrap();
        (network, Density::read(&file, number, &file.config).unwrap())
    });
    let layers: Vec<_> = layers.collect();
    let hidden: Vec<_> = layers.iter().map(|(network, _)| network.hidden().unwrap()).collect();
    let step = find_step::<T>(&basis, &hidden, &file.config.atomic_numbers, set).unwrap();
    Model { basis, layers, step }
}

/// Oxygen and strontium, and pairs at these distances: of oxygen, of both, of strontium.
fn graph<T: Real>(distances: [&[f64]; 3]) -> Graph<T> {
    let elements = [(0, 1), (0, 2), (2, 3)];
    let pairs = elements.iter().zip(distances).flat_map(|((i, j), distances)| {
        distances.iter().map(|r| Pair { i: *i, j: *j, shift: [0; 3], vector: [0.0, 0.0, *r], distance: *r })
    });
    Graph {
        elements: vec![0, 0, 4, 4],
        numbers: vec![8, 8, 38, 38],
        pairs: pairs.collect(),
        harmonics: Vec::new(),
        volume: 1.0,
    }
}

fn spread(n: usize, from: f64, to: f64) -> Vec<f64> {
    (0..n).map(|k| from + (to - from) * (0.618_033_988_749_895 * k as f64).fract()).collect()
}

impl<T: Real> Model<T> {
    fn tables(&self, graph: &Graph<T>) -> PairTables<T> {
        let layers = self.layers.iter().map(|(network, density)| (network, Some(density)));
        PairTables::new(graph, &self.basis, self.step, layers, &Deadline::NONE).unwrap()
    }

    /// Weights and slopes of a pair from the tables, and its density.
    fn tabulated(&self, tables: &PairTables<T>, layer: usize, pair: usize) -> ([Vec<T>; 2], (f64, f64)) {
        let width = self.layers[layer].0.width();
        let [mut weights, mut slopes] = [vec![T::default(); width], vec![T::default(); width]];
        tables.weigh(layer, &[pair], &mut weights, &mut slopes);
        let mut alone = weights.clone();
        tables.weigh(layer, &[pair], &mut alone, &mut []);
        assert_eq!(alone, weights);
        ([weights, slopes], tables.density(layer, pair))
    }

    /// The same from the networks.
    fn exact(&self, layer: usize, r: f64, elements: (u8, u8)) -> ([Vec<T>; 2], (f64, f64)) {
        let (network, density) = &self.layers[layer];
        let (mut values, mut slopes) = (vec![0.0; self.basis.len()], vec![0.0; self.basis.len()]);
        self.basis.evaluate(r, elements, &mut values, &mut slopes);
        let rows = [values, slopes].map(|row| row.into_iter().map(T::real).collect::<Vec<_>>());
        let mut found = [vec![T::default(); network.width()], vec![T::default(); network.width()]];
        let [weights, weight_slopes] = &mut found;
        network.values_and_slopes(&rows[0], &rows[1], &mut Scratch::default(), weights, weight_slopes);
        (found, density.value_and_slope(&rows[0], &rows[1]))
    }
}

fn largest_difference<T: Real>(a: &[T], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a.wide() - b).abs());
    differences.inspect(|x| assert!(!x.is_nan(), "no number")).fold(0.0, f64::max)
}

/// Weights, their slopes, densities, their slopes.
type Errors = [f64; 4];

/// Largest errors of the tables, and of the networks in the same precision, both against the networks in double precision
/// and as parts of the largest number.
fn errors<T: Real>(set: InstructionSet) -> [Errors; 2] {
    let (model, wide) = (model::<T>(set), self::model::<f64>(set));
    // So few of strontium that its networks run.
    let distances = [spread(1000, 0.6, 4.999), spread(1000, 1.0, 4.999), spread(3, 2.0, 4.9)];
    let graph = graph::<T>([&distances[0], &distances[1], &distances[2]]);
    let places = Plan::new(&graph, model.basis.r_max, model.step).places;
    let by_table = places.iter().filter(|place| matches!(place, Place::Behind { .. })).count();
    assert_eq!(by_table, 2000);
    let tables = model.tables(&graph);
    let (mut worst, mut largest) = ([[0.0_f64; 4]; 2], [0.0_f64; 4]);
    for layer in 0..model.layers.len() {
        for (index, pair) in graph.pairs.iter().enumerate() {
            let elements = graph.numbers_of(pair);
            let (exact, exact_density) = wide.exact(layer, pair.distance, elements);
            let found = [model.tabulated(&tables, layer, index), model.exact(layer, pair.distance, elements)];
            for (worst, (rows, density)) in worst.iter_mut().zip(&found) {
                let off = [
                    largest_difference(&rows[0], &exact[0]),
                    largest_difference(&rows[1], &exact[1]),
                    largest_difference(&[density.0], &[exact_density.0]),
                    largest_difference(&[density.1], &[exact_density.1]),
                ];
                worst.iter_mut().zip(off).for_each(|(worst, off)| *worst = worst.max(off));
            }
            let of = |row: &[f64]| largest_difference(row, &vec![0.0; row.len()]);
            let size = [of(&exact[0]), of(&exact[1]), exact_density.0.abs(), exact_density.1.abs()];
            largest.iter_mut().zip(size).for_each(|(largest, size)| *largest = largest.max(size));
        }
    }
    worst.map(|errors| [0, 1, 2, 3].map(|k| errors[k] / largest[k]))
}

#[test]
fn weights_and_densities_are_those_of_the_networks() {
    for set in InstructionSet::available() {
        let [tables, _] = errors::<f64>(set);
        let limits = [1e-10, 1e-8, 1e-10, 1e-8];
        assert!(tables.iter().zip(limits).all(|(off, limit)| *off < limit), "{set:?}: {tables:?}");
    }
}

#[test]
fn in_single_precision_tables_are_about_as_near_to_double_precision_as_networks() {
    for set in InstructionSet::available() {
        let [tables, networks] = errors::<f32>(set);
        // Slopes of splines lose an order of the step: theirs are held to a number, which is some four times what networks round by.
        let limits = [networks[0], 1.5e-6, networks[2], networks[3]];
        let within = tables.iter().zip(limits).all(|(table, limit)| *table < limit);
        assert!(within, "{set:?}: tables {tables:?}, networks {networks:?}");
    }
}

#[test]
fn a_row_does_not_depend_on_the_other_pairs() {
    let model = model::<f32>(InstructionSet::detect());
    let distances = spread(200, 1.0, 4.9);
    let (few, other) = (distances.iter().rev().step_by(2).copied().collect::<Vec<_>>(), spread(30, 3.0, 3.1));
    let [all, some] = [graph([&distances, &other, &[]]), graph([&few, &[], &distances])];
    let [in_all, in_some] = [model.tables(&all), model.tables(&some)];
    for (index, pair) in some.pairs.iter().take(few.len()).enumerate() {
        let same = all.pairs.iter().position(|other| other.distance == pair.distance).unwrap();
        for layer in 0..2 {
            assert_eq!(model.tabulated(&in_some, layer, index), model.tabulated(&in_all, layer, same));
        }
    }
}

#[test]
fn few_distances_are_computed_by_the_networks_once_each() {
    fn check<T: Real>(n_rows: u32) {
        let model = model::<T>(InstructionSet::detect());
        // Twice the same but for the rounding of double precision.
        let graph = graph::<T>([&[2.0, 2.0 + 4e-16, 3.5, 2.0], &[], &[2.0]]);
        let plan = Plan::new(&graph, model.basis.r_max, model.step);
        let rows = plan.places.iter().map(|place| match place {
            Place::Distance(row) => *row,
            Place::Behind { .. } => panic!("a table for two distances"),
        });
        let rows: Vec<u32> = rows.collect();
        assert_eq!(rows.iter().max(), Some(&(n_rows - 1)));
        assert_eq!((rows[0], rows[4]), (rows[3], n_rows - 1));
        let tables = model.tables(&graph);
        for layer in 0..2 {
            assert_eq!(model.tabulated(&tables, layer, 0), model.exact(layer, 2.0, (8, 8)));
        }
    }
    check::<f32>(3);
    check::<f64>(4);
}

#[test]
fn the_step_is_as_short_as_the_precision_asks_for() {
    let set = InstructionSet::detect();
    let (single, double) = (model::<f32>(set).step, model::<f64>(set).step);
    assert!(double < 0.7 * single, "{double} {single}");
}
