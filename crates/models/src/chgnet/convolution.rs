//! The three layers: messages between atoms, between bonds, and to angles.
//!
//! Bonds travel as rows `(features | weights of the atom graph | weights of the bond graph)`, so that a
//! layer has at most three inputs: atoms `[n_atoms, d]`, bonds `[n_pairs, 3 d]`, angles `[n_angles, d]`.

use super::graph::Graph;
use super::packed::Layer;
use crate::tensor::{Storage, contiguous, output, with_values};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use mlip_kernels::gated_messages::{Backward, Forward, Gather, Rows, Saved, Table};
use mlip_kernels::simd::Real;
use std::sync::{Arc, Mutex, PoisonError};

/// What a layer updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Update {
    Atoms,
    Bonds,
    Angles,
}

/// Whether a backward pass will come, and what the forward pass keeps for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// No gradient is wanted.
    Nothing,
    /// Projections only; messages are made again. For structures whose messages would not fit.
    Projections,
    /// All that is costly to make again.
    Messages,
}

/// One layer over one graph.
pub(super) struct Convolution<T> {
    pub(super) update: Update,
    pub(super) layer: Arc<Layer<T>>,
    pub(super) graph: Arc<Graph>,
    pub(super) keep: Keep,
    kept: Mutex<Kept<T>>,
}

#[derive(Default)]
struct Kept<T> {
    projections: Projections<T>,
    messages: Option<Saved<T>>,
}

/// First linear map of atoms and of bonds.
#[derive(Default)]
struct Projections<T> {
    nodes: Vec<T>,
    bonds: Vec<T>,
}

struct Gradients<T> {
    atoms: Vec<T>,
    bonds: Vec<T>,
    angles: Vec<T>,
}

const NODES: usize = 0;
const BONDS: usize = 1;
const WEIGHTS: usize = 2;

impl<T: Real> Convolution<T> {
    pub(super) fn new(update: Update, layer: Arc<Layer<T>>, graph: Arc<Graph>, keep: Keep) -> Self {
        let kept = Kept { projections: Projections { nodes: Vec::new(), bonds: Vec::new() }, messages: None };
        Self { update, layer, graph, keep, kept: Mutex::new(kept) }
    }

    fn width(&self) -> usize {
        self.layer.messages.width
    }

    fn project(&self, atoms: &[T], bonds: &[T]) -> Projections<T> {
        let (d, layer) = (self.width(), &self.layer);
        let mut nodes = layer.node_bias.repeat(self.graph.n_atoms());
        layer.nodes.forward.multiply_add_all(atoms, &mut nodes);
        let width = layer.bonds.forward.width();
        let projected = match self.update {
            Update::Atoms => {
                let n_pairs = self.graph.pairs.len();
                let mut out = vec![T::default(); n_pairs * width];
                layer.bonds.forward.multiply_add_strided(bonds, 3 * d, n_pairs, &mut out, width);
                out
            }
            _ => {
                let short = self.short_features(bonds);
                let mut out = vec![T::default(); self.graph.bonds.len() * width];
                layer.bonds.forward.multiply_add_all(&short, &mut out);
                out
            }
        };
        Projections { nodes, bonds: projected }
    }

    /// Features of the bonds of the bond graph, `[n_bonds, d]`.
    fn short_features(&self, bonds: &[T]) -> Vec<T> {
        let d = self.width();
        self.graph.bonds.iter().flat_map(|pair| &bonds[*pair as usize * 3 * d..][..d]).copied().collect()
    }

    fn with_rows<R>(
        &self,
        projections: &Projections<T>,
        bonds: &[T],
        angles: &[T],
        visit: impl FnOnce(Rows<'_, T>) -> R,
    ) -> R {
        let (d, graph) = (self.width(), &self.graph);
        let tables = [
            Table { values: projections.nodes.as_slice(), stride: self.layer.nodes.forward.width() },
            Table { values: projections.bonds.as_slice(), stride: self.layer.bonds.forward.width() },
            Table { values: bonds, stride: 3 * d },
        ];
        let gather = |table, offset, index| Gather { table, offset, index };
        let (edges, angle) = (&graph.edges, &graph.angles);
        if self.update == Update::Atoms {
            return visit(Rows {
                count: graph.n_edges(),
                tables: &tables,
                sources: &[
                    gather(NODES, 0, &edges.center),
                    gather(BONDS, 0, &edges.pair),
                    gather(NODES, 2 * d, &edges.neighbor),
                ],
                own: &[],
                weights: &[gather(WEIGHTS, d, &edges.pair)],
                target: Some(&edges.center),
            });
        }
        let sources =
            [gather(BONDS, 0, &angle.bond[0]), gather(BONDS, 2 * d, &angle.bond[1]), gather(NODES, 0, &angle.center)];
        let weights = [gather(WEIGHTS, 2 * d, &angle.pair[0]), gather(WEIGHTS, 2 * d, &angle.pair[1])];
        let of_bonds = self.update == Update::Bonds;
        visit(Rows {
            count: graph.n_angles(),
            tables: &tables,
            sources: &sources,
            own: angles,
            weights: if of_bonds { &weights } else { &[] },
            target: of_bonds.then_some(&angle.bond[0]),
        })
    }

    fn forward(&self, atoms: &[T], bonds: &[T], angles: &[T]) -> Vec<T> {
        let (d, layer) = (self.width(), &self.layer);
        let projections = self.project(atoms, bonds);
        let mut saved = Saved::default();
        let mut sums = match self.update {
            Update::Atoms => vec![T::default(); atoms.len()],
            Update::Bonds => vec![T::default(); self.graph.bonds.len() * d],
            Update::Angles => angles.to_vec(),
        };
        self.with_rows(&projections, bonds, angles, |rows| {
            let saved = (self.keep == Keep::Messages).then_some(&mut saved);
            let set = layer.nodes.forward.set();
            T::run(Forward { layer: &layer.messages, rows, out: &mut sums, saved }, set);
        });
        if self.keep != Keep::Nothing {
            let messages = (self.keep == Keep::Messages).then_some(saved);
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept { projections, messages };
        }
        let Some(out) = &layer.out else { return sums };
        match self.update {
            Update::Bonds => {
                let mut change = vec![T::default(); sums.len()];
                out.forward.multiply_add_all(&sums, &mut change);
                let mut updated = bonds.to_vec();
                add_rows(&mut updated, 3 * d, &self.graph.bonds, &change, d);
                updated
            }
            _ => {
                let mut updated = atoms.to_vec();
                out.forward.multiply_add_all(&sums, &mut updated);
                updated
            }
        }
    }

    fn backward(&self, bonds: &[T], angles: &[T], gradient: &[T]) -> Gradients<T> {
        let (d, layer, graph) = (self.width(), &self.layer, &self.graph);
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        let zeros = |n: usize| vec![T::default(); n];
        let mut gradients =
            Gradients { atoms: zeros(graph.n_atoms() * d), bonds: zeros(bonds.len()), angles: zeros(angles.len()) };
        // The update adds to what was there: its gradient passes on.
        let upstream = match self.update {
            Update::Atoms => {
                gradients.atoms.copy_from_slice(gradient);
                gradient.to_vec()
            }
            Update::Bonds => {
                gradients.bonds.copy_from_slice(gradient);
                self.short_features(gradient)
            }
            Update::Angles => {
                gradients.angles.copy_from_slice(gradient);
                gradient.to_vec()
            }
        };
        let sums = match &layer.out {
            Some(out) => {
                let mut sums = zeros(upstream.len());
                out.backward.multiply_add_all(&upstream, &mut sums);
                sums
            }
            None => upstream,
        };
        let mut nodes = zeros(kept.projections.nodes.len());
        let mut projected = zeros(kept.projections.bonds.len());
        self.with_rows(&kept.projections, bonds, angles, |rows| {
            let mut tables = [&mut nodes[..], &mut projected[..], &mut gradients.bonds[..]];
            let backward = Backward {
                layer: &layer.messages,
                rows,
                gradient: &sums,
                saved: kept.messages.as_ref(),
                tables: &mut tables,
                own: &mut gradients.angles,
            };
            T::run(backward, layer.nodes.forward.set());
        });
        layer.nodes.backward.multiply_add_all(&nodes, &mut gradients.atoms);
        if self.update == Update::Atoms {
            let width = layer.bonds.forward.width();
            layer.bonds.backward.multiply_add_strided(
                &projected,
                width,
                graph.pairs.len(),
                &mut gradients.bonds,
                3 * d,
            );
        } else {
            let mut short = zeros(graph.bonds.len() * d);
            layer.bonds.backward.multiply_add_all(&projected, &mut short);
            add_rows(&mut gradients.bonds, 3 * d, &graph.bonds, &short, d);
        }
        gradients
    }
}

/// `to[index[r] · stride ..] += rows[r]`
fn add_rows<T: Real>(to: &mut [T], stride: usize, index: &[u32], rows: &[T], width: usize) {
    for (at, row) in index.iter().zip(rows.chunks_exact(width)) {
        for (to, from) in to[*at as usize * stride..][..width].iter_mut().zip(row) {
            *to += *from;
        }
    }
}

/// The update of atoms needs no angles.
impl<T: Real> CustomOp2 for Convolution<T> {
    fn name(&self) -> &'static str {
        "chgnet-atom-convolution"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let values = self.forward(contiguous(s1, l1)?, contiguous(s2, l2)?, &[]);
        Ok((T::storage(values), l1.shape().clone()))
    }

    fn bwd(
        &self,
        atoms: &Tensor,
        bonds: &Tensor,
        _updated: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradients = with_values(bonds, |b| with_values(gradient, |g| self.backward(b, &[], g)))??;
        Ok((Some(output(gradients.atoms, atoms.shape())?), Some(output(gradients.bonds, bonds.shape())?)))
    }
}

/// The updates of bonds and angles.
impl<T: Real> CustomOp3 for Convolution<T> {
    fn name(&self) -> &'static str {
        "chgnet-bond-convolution"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let values = self.forward(contiguous(s1, l1)?, contiguous(s2, l2)?, contiguous(s3, l3)?);
        let shape = if self.update == Update::Bonds { l2.shape() } else { l3.shape() };
        Ok((T::storage(values), shape.clone()))
    }

    fn bwd(
        &self,
        atoms: &Tensor,
        bonds: &Tensor,
        angles: &Tensor,
        _updated: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradients =
            with_values(bonds, |b| with_values(angles, |a| with_values(gradient, |g| self.backward(b, a, g))))???;
        Ok((
            Some(output(gradients.atoms, atoms.shape())?),
            Some(output(gradients.bonds, bonds.shape())?),
            Some(output(gradients.angles, angles.shape())?),
        ))
    }
}
