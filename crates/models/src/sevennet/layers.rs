//! What each layer computes on: irreps, paths of the convolution, the gate. All follows from the hyperparameters.

use super::config::{Config, Connection};
use super::irreps::{Block, Irrep, Irreps};

/// From channels of a block and harmonics of l to channels of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// Block of the features.
    pub(super) from: usize,
    /// Of the harmonics.
    pub(super) l2: usize,
    /// What it gives.
    pub(super) to: Irrep,
    /// First column in what the radial network gives; as many as the block has channels.
    pub(super) column: usize,
}

/// One convolution and what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) input: Irreps,
    /// By what they give.
    pub(super) paths: Vec<Path>,
    /// Sums of messages, in the order of paths.
    pub(super) sums: Irreps,
    /// What the gate gets: scalars, gates among them, and what is gated.
    pub(super) gate_input: Irreps,
    pub(super) output: Irreps,
    pub(super) connection: Connection,
    /// Columns of the radial network.
    pub(super) n_columns: usize,
}

/// All layers of a model.
pub(super) fn layers(config: &Config) -> Vec<Layer> {
    let edge = |l: usize| Irrep { l, even: !config.parity || l.is_multiple_of(2) };
    let edges = (0..=config.lmax_edge).map(edge).collect::<Vec<_>>();
    let n_layers = config.connections.len();
    let mut input = match &config.irreps {
        Some(irreps) => irreps[0].clone(),
        None => Irreps::scalars(config.channel),
    };
    let mut layers = Vec::new();
    for (number, connection) in config.connections.iter().enumerate() {
        let is_last = number + 1 == n_layers;
        let reached = |lmax: usize| {
            let wanted = |irrep: &Irrep| irrep.l <= lmax && (irrep.even || !is_last);
            products(&input, &edges).filter(wanted).collect::<Vec<_>>()
        };
        let output = match &config.irreps {
            Some(irreps) => irreps[number + 1].clone(),
            None => {
                let mut irreps = reached(if is_last { 0 } else { config.lmax_node });
                irreps.sort_unstable();
                irreps.dedup();
                Irreps(irreps.into_iter().map(|irrep| Block { n: config.channel, irrep }).collect())
            }
        };
        let (paths, n_columns) = paths(&input, &edges, &reached(output.lmax()), config.unsorted);
        let sums =
            Irreps(paths.iter().map(|path| Block { n: input.0[path.from].n, irrep: path.to }).collect()).joined();
        let gate_input = gate_input(&output);
        let next = output.clone();
        layers.push(Layer { input, paths, sums, gate_input, output, connection: *connection, n_columns });
        input = next;
    }
    layers
}

/// Irreps of all products of a block and a harmonic.
fn products<'a>(input: &'a Irreps, edges: &'a [Irrep]) -> impl Iterator<Item = Irrep> + 'a {
    input.0.iter().flat_map(|block| edges.iter().flat_map(|edge| block.irrep.product(*edge)))
}

/// Paths to the irreps that are wanted, and the number of columns.
fn paths(input: &Irreps, edges: &[Irrep], wanted: &[Irrep], unsorted: bool) -> (Vec<Path>, usize) {
    let mut paths = Vec::new();
    for (from, block) in input.0.iter().enumerate() {
        for (l2, edge) in edges.iter().enumerate() {
            let reached = block.irrep.product(*edge).filter(|irrep| wanted.contains(irrep));
            paths.extend(reached.map(|to| Path { from, l2, to, column: 0 }));
        }
    }
    let number_columns = |paths: &mut [Path]| {
        paths.iter_mut().fold(0, |column, path| {
            path.column = column;
            column + input.0[path.from].n
        })
    };
    let listed = number_columns(&mut paths);
    paths.sort_by_key(|path| path.to);
    let n_columns = if unsorted { listed } else { number_columns(&mut paths) };
    (paths, n_columns)
}

impl Layer {
    /// Whether gates are even scalars.
    pub(super) fn gates_are_even(&self) -> bool {
        gates_are_even(&self.output)
    }
}

fn gates_are_even(output: &Irreps) -> bool {
    output.has(Irrep::SCALAR)
}

/// Scalars, a gate for each channel of the others, and these, sorted. Of each parity gates come behind scalars.
fn gate_input(output: &Irreps) -> Irreps {
    let scalars = output.0.iter().filter(|block| block.irrep.l == 0).copied();
    let gated = output.0.iter().filter(|block| block.irrep.l > 0).copied();
    let gate = Irrep { l: 0, even: gates_are_even(output) };
    let gates = gated.clone().map(|block| Block { irrep: gate, ..block });
    Irreps(scalars.chain(gates).chain(gated).collect()).sorted()
}
