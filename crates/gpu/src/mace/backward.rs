//! The way back: gradients by the vectors of pairs.

use super::pass::{Pass, Way};
use super::room::KeptLayer;
use super::stored::StoredLayer;
use crate::error::GpuError;
use crate::kernels::Finish;
use crate::kernels::mace::{Blocks, DensityGradient, Gradients, Readout, Terms, Vectors};
use crate::memory::{Slice, clear};

impl<'a> Pass<'a> {
    /// From gradients by the weights of paths to those by basis functions.
    fn radial_backward(&self, number: usize, layer: &StoredLayer, kept: &KeptLayer) -> Result<(), GpuError> {
        let n_pairs = self.size.n_edges;
        let of_layer = &self.shape().layers[number];
        let widths = &of_layer.hidden[..of_layer.n_hidden];
        let mut operand = self.first(self.room.by_weights, self.room(kept.weights)?.len())?;
        for (k, width) in widths.iter().enumerate().rev() {
            let out = self.first(self.room.hidden[k % 2], n_pairs * width)?;
            let matrix = self.weights.constants.matrix(layer.radial[k + 1].backward)?;
            self.queue.product(operand, matrix, n_pairs, Finish::Slope { sums: self.room(kept.hidden[k])?, out })?;
            operand = out;
        }
        let is_first = number + 1 == self.shape().n_layers;
        self.linear(layer.radial[0], Way::Backward, n_pairs, (operand, self.room(self.room.by_basis)?), !is_first)
    }

    /// Gradients by what goes into a layer, from those by what it sent (`by_edges`) and by its features.
    fn before_backward(
        &self,
        number: usize,
        layer: &StoredLayer,
        (by_edges, by_features, by_before): (Slice<'a, f32>, &Blocks<'a>, &Blocks<'a>),
    ) -> Result<(), GpuError> {
        let (skips, sent_lmax) = (layer.skip.len(), self.shape().layers[number].sent_lmax);
        for (l, block) in by_before.iter().enumerate() {
            if l >= skips && l > sent_lmax && !block.is_empty() {
                clear(self.queue.stream(), *block)?;
            }
        }
        self.map_by_l(&layer.skip, Way::Backward, (by_features, by_before))?;
        let by_sent = self.blocks(&self.room.by_sent, sent_lmax)?;
        self.queue.mace_sent(self.edges()?, by_edges, sent_lmax, self.channels(), &by_sent)?;
        self.linear_by_l(&layer.up, Way::Backward, (&by_sent, by_before), |l| l < skips)
    }

    fn layer_backward(
        &self,
        number: usize,
        (layer, kept): (&StoredLayer, &KeptLayer),
        (by_features, by_before): (&Blocks<'a>, &Blocks<'a>),
    ) -> Result<(), GpuError> {
        let (queue, shape, room) = (self.queue, self.shape(), self.room);
        let features = self.features(number)?[0];
        queue.mace_readout(&Readout { features, by_features: by_features[0], ..self.readout(layer)? })?;
        let product = self.product(number, kept)?;
        self.linear_by_l(&layer.product, Way::Backward, (by_features, &product.outputs), |_| false)?;
        let by_inputs = self.blocks(&room.by_inputs, shape.lmax)?;
        queue.mace_product_backward(&product, &by_inputs)?;
        let by_mixed = if layer.message_maps.is_empty() { by_inputs } else { self.blocks(&room.by_mixed, shape.lmax)? };
        self.map_by_l(&layer.message_maps, Way::Backward, (&by_inputs, &by_mixed))?;
        if shape.layers[number].has_density {
            queue.mace_density_backward(&DensityGradient {
                density: self.density(number, kept)?,
                lmax: shape.lmax,
                channels: shape.channels,
                mixed: self.blocks(&kept.mixed, shape.lmax)?,
                by_mixed,
                by_sums: self.room(kept.by_sums)?,
            })?;
        }
        let messages = self.messages(number, kept)?;
        self.linear_by_l(&layer.linear, Way::Backward, (&by_mixed, &messages.messages), |_| false)?;
        let by_edges = match number {
            // Atoms before the first layer do not depend on positions.
            0 => Slice::NONE,
            _ => {
                let n = 2 * self.size.n_edges * messages.paths.n_features() * shape.channels;
                self.first(room.by_edges, n)?
            }
        };
        let gradients = Gradients {
            by_weights: self.first(room.by_weights, messages.weights.len())?,
            by_couplings: self.room(kept.by_couplings)?,
            by_features: by_edges,
        };
        queue.mace_messages_backward(&messages, &gradients)?;
        self.radial_backward(number, layer, kept)?;
        if number == 0 { Ok(()) } else { self.before_backward(number, layer, (by_edges, by_features, by_before)) }
    }

    fn vectors(&self) -> Result<(), GpuError> {
        let (room, shape) = (self.room, self.shape());
        let layers = self.weights.layers.iter().zip(&room.layers).enumerate();
        let layers = layers.map(|(number, (layer, kept))| {
            Ok(Terms {
                starts: self.constant(layer.harmonics.starts)?,
                coupling: self.constant(layer.harmonics.index)?,
                factors: self.constant(layer.harmonics.factors)?,
                by_couplings: self.room(kept.by_couplings)?,
                n_couplings: shape.paths(number).n_couplings(),
                by_sums: self.room(kept.by_sums)?,
            })
        });
        self.queue.mace_vectors(&Vectors {
            pairs: self.pairs()?,
            n_atoms: self.size.n_atoms,
            slopes: self.room(room.basis_slopes)?,
            by_basis: self.room(room.by_basis)?,
            densities: self.room(room.densities)?,
            layers: layers.collect::<Result<_, GpuError>>()?,
            by_vectors: self.memory.output.part(self.output.slopes)?,
        })
    }

    /// After [`forward`](Self::forward).
    pub(super) fn backward(&self) -> Result<(), GpuError> {
        let shape = self.shape();
        let last = shape.n_layers - 1;
        for block in self.blocks(&self.room.by_features[last % 2], shape.layers[last].features_lmax)? {
            if !block.is_empty() {
                clear(self.queue.stream(), block)?;
            }
        }
        for (number, both) in self.weights.layers.iter().zip(&self.room.layers).enumerate().rev() {
            let by_features = self.blocks(&self.room.by_features[number % 2], shape.layers[number].features_lmax)?;
            let by_before = match number {
                0 => [Slice::NONE; 4],
                _ => self.blocks(&self.room.by_features[(number + 1) % 2], shape.before(number))?,
            };
            self.layer_backward(number, both, (&by_features, &by_before))?;
        }
        self.vectors()
    }
}
