//! What is done with rows between products.

#![expect(unsafe_code, reason = "layouts of kernels' parameters are promised")]

use super::products::{expect_len, narrow};
use super::queue::{Arguments, Queue};
use crate::error::GpuError;
use crate::memory::Slice;

/// Numbers of a row at most: a lane holds two groups of four.
pub(crate) const MAX_ROW: usize = 256;

/// Atoms as the encoder has them.
pub(crate) struct Embed<'a> {
    /// `[elements, width]`
    pub(crate) table: Slice<'a, f32>,
    /// `[rows]`: rows of the table.
    pub(crate) elements: Slice<'a, u32>,
    /// `[rows, width]`
    pub(crate) atoms: Slice<'a, f32>,
    /// The same as an operand.
    pub(crate) operand: Slice<'a, f32>,
}

/// A norm and the rows in front of it.
pub(crate) struct Norm<'a> {
    /// `[rows, width]`
    pub(crate) y: Slice<'a, f32>,
    /// `[width]`
    pub(crate) scale: Slice<'a, f32>,
    /// Below the root.
    pub(crate) epsilon: f32,
    /// `[rows, width]`: features, or the gradient by the norm's result.
    pub(crate) x: Slice<'a, f32>,
    /// `[rows, width]`
    pub(crate) operand: Slice<'a, f32>,
}

/// Messages of edges.
#[derive(Clone, Copy)]
pub(crate) struct Messages<'a> {
    /// `[edges, width]`
    pub(crate) y: Slice<'a, f32>,
    /// `[edges, width]`: features, or gradients by them.
    pub(crate) edges: Slice<'a, f32>,
    /// `[edges, width]`
    pub(crate) operand: Slice<'a, f32>,
    /// `[width]`
    pub(crate) scale: Slice<'a, f32>,
    /// `[width]`
    pub(crate) send: Slice<'a, f32>,
    pub(crate) send_bias: f32,
    /// `[width]`
    pub(crate) receive: Slice<'a, f32>,
    pub(crate) receive_bias: f32,
    /// Below the root.
    pub(crate) epsilon: f32,
    /// `[edges]`
    pub(crate) cutoff: Slice<'a, f32>,
    /// `[edges, 4]`
    pub(crate) gates: Slice<'a, f32>,
    /// `[edges]`
    pub(crate) inverse: Slice<'a, f32>,
    /// Whether no layer follows.
    pub(crate) last: bool,
}

/// Whose sums.
pub(crate) enum SumsOf<'a> {
    /// Of messages: `[edges, width]` before the norm, its inverse, its scale, gates, and the features of atoms.
    Messages {
        y: Slice<'a, f32>,
        inverse: Slice<'a, f32>,
        scale: Slice<'a, f32>,
        gates: Slice<'a, f32>,
        atoms: Slice<'a, f32>,
    },
    /// Of an operand `[edges, width]`.
    Rows(Slice<'a, f32>),
}

/// Sums over the edges of atoms.
pub(crate) struct Sums<'a> {
    pub(crate) of: SumsOf<'a>,
    /// `[atoms + 1]`
    pub(crate) sent: Slice<'a, u32>,
    /// `[atoms + 1]`
    pub(crate) received: Slice<'a, u32>,
    /// `[edges]`
    pub(crate) by_receiver: Slice<'a, u32>,
    pub(crate) width: usize,
    /// `[atoms, 3 width]` of messages, `[atoms, 2 width]` of rows.
    pub(crate) operand: Slice<'a, f32>,
}

/// Features of vectors.
pub(crate) struct Basis<'a> {
    /// `[edges]`
    pub(crate) vectors: Slice<'a, [f64; 3]>,
    /// `[n_radial]`
    pub(crate) frequencies: Slice<'a, f64>,
    pub(crate) prefactor: f64,
    /// Å
    pub(crate) reach: f64,
}

/// The head of energies.
pub(crate) struct Head<'a> {
    /// `[atoms, width]`
    pub(crate) atoms: Slice<'a, f32>,
    /// `[structures + 1]`
    pub(crate) starts: Slice<'a, u32>,
    /// `[width, hidden]`
    pub(crate) first_transposed: Slice<'a, f64>,
    /// `[hidden, width]`
    pub(crate) first: Slice<'a, f64>,
    /// `[hidden]`
    pub(crate) first_bias: Slice<'a, f64>,
    /// `[hidden]`
    pub(crate) second: Slice<'a, f64>,
    pub(crate) second_bias: f64,
    pub(crate) deviation: f64,
    /// `[structures]`
    pub(crate) energies: Slice<'a, f64>,
    /// `[atoms, width]`, or none: scaled gradients.
    pub(crate) by_atoms: Slice<'a, f32>,
    /// `[atoms]`: what they are multiplied with, a power of two for each structure.
    pub(crate) scales: Slice<'a, f32>,
}

macro_rules! arguments {
    ($name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        #[repr(C)]
        #[derive(Clone, Copy, Default)]
        struct $name { $($field: $kind),* }
        // SAFETY: the same fields in the same order as in kernels/rows.cu.
        unsafe impl Arguments for $name {}
    };
}

arguments!(EmbedArguments { table: u64, elements: u64, atoms: u64, operand: u64, plane: u64, rows: u32, width: u32 });
arguments!(NormArguments {
    y: u64,
    scale: u64,
    x: u64,
    operand: u64,
    plane: u64,
    epsilon: f32,
    rows: u32,
    width: u32,
    fresh: u32,
});
arguments!(MessagesArguments {
    y: u64,
    edges: u64,
    operand: u64,
    plane: u64,
    scale: u64,
    send: u64,
    receive: u64,
    cutoff: u64,
    gates: u64,
    inverse: u64,
    sender: u64,
    receiver: u64,
    joined: u64,
    by_cutoff: u64,
    send_bias: f32,
    receive_bias: f32,
    epsilon: f32,
    rows: u32,
    width: u32,
    last: u32,
});
arguments!(SumsArguments {
    y: u64,
    y_plane: u64,
    inverse: u64,
    scale: u64,
    gates: u64,
    atoms: u64,
    sent: u64,
    received: u64,
    by_receiver: u64,
    operand: u64,
    plane: u64,
    n_atoms: u32,
    width: u32,
});
arguments!(AddPartArguments { joined: u64, x: u64, rows: u32, width: u32 });
arguments!(BasisArguments {
    vectors: u64,
    frequencies: u64,
    features: u64,
    plane: u64,
    cutoff: u64,
    by_cutoff: u64,
    slopes: u64,
    sender: u64,
    scales: u64,
    prefactor: f64,
    reach: f64,
    rows: u32,
    n_radial: u32,
});
arguments!(HeadArguments {
    atoms: u64,
    starts: u64,
    first_transposed: u64,
    first: u64,
    first_bias: u64,
    second: u64,
    energies: u64,
    by_atoms: u64,
    scales: u64,
    second_bias: f64,
    deviation: f64,
    width: u32,
    hidden: u32,
});

/// A width that a warp can hold.
fn row_width(width: usize) -> Result<u32, GpuError> {
    if width == 0 || !width.is_multiple_of(8) || width > MAX_ROW {
        return Err(GpuError::shape("width of a row", format!("a multiple of 8 up to {MAX_ROW}"), width));
    }
    narrow("width of a row", width)
}

impl Queue {
    pub(crate) fn embed(&self, p: Embed<'_>) -> Result<(), GpuError> {
        let rows = p.elements.len();
        let width = p.atoms.len() / rows.max(1);
        expect_len("features of atoms", p.atoms.len(), rows * width)?;
        expect_len("operand of atoms", p.operand.len(), p.atoms.len())?;
        let arguments = EmbedArguments {
            table: p.table.address(),
            elements: p.elements.address(),
            atoms: p.atoms.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            rows: narrow("atoms", rows)?,
            width: row_width(width)?,
        };
        self.start(&self.kernels.embed, Self::warps(rows), &arguments)
    }

    fn norm(&self, p: &Norm<'_>, fresh: bool) -> Result<(NormArguments, usize), GpuError> {
        let width = p.scale.len();
        let rows = p.y.len() / width.max(1);
        for found in [p.y.len(), p.x.len(), p.operand.len()] {
            expect_len("numbers in front of a norm", found, rows * width)?;
        }
        let arguments = NormArguments {
            y: p.y.address(),
            scale: p.scale.address(),
            x: p.x.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            epsilon: p.epsilon,
            rows: narrow("rows", rows)?,
            width: row_width(width)?,
            fresh: fresh.into(),
        };
        Ok((arguments, rows))
    }

    /// `x = norm(y)` where fresh, else `x += norm(y)`; the operand becomes x.
    pub(crate) fn norm_add(&self, p: &Norm<'_>, fresh: bool) -> Result<(), GpuError> {
        let (arguments, rows) = self.norm(p, fresh)?;
        self.start(&self.kernels.norm_add, Self::warps(rows), &arguments)
    }

    /// The operand becomes the gradient by y, from that by the norm's result, x.
    pub(crate) fn norm_backward(&self, p: &Norm<'_>) -> Result<(), GpuError> {
        let (arguments, rows) = self.norm(p, false)?;
        self.start(&self.kernels.norm_backward, Self::warps(rows), &arguments)
    }

    fn messages(&self, p: &Messages<'_>) -> Result<(MessagesArguments, usize), GpuError> {
        let (rows, width) = (p.cutoff.len(), p.scale.len());
        for found in [p.y.len(), p.edges.len(), p.operand.len()] {
            expect_len("numbers of messages", found, rows * width)?;
        }
        for found in [p.send.len(), p.receive.len()] {
            expect_len("numbers of gates' weights", found, width)?;
        }
        expect_len("gates", p.gates.len(), 4 * rows)?;
        expect_len("inverse norms", p.inverse.len(), rows)?;
        let arguments = MessagesArguments {
            y: p.y.address(),
            edges: p.edges.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            scale: p.scale.address(),
            send: p.send.address(),
            receive: p.receive.address(),
            cutoff: p.cutoff.address(),
            gates: p.gates.address(),
            inverse: p.inverse.address(),
            send_bias: p.send_bias,
            receive_bias: p.receive_bias,
            epsilon: p.epsilon,
            rows: narrow("edges", rows)?,
            width: row_width(width)?,
            last: p.last.into(),
            ..MessagesArguments::default()
        };
        Ok((arguments, rows))
    }

    /// Gates and norms of messages; edges get them, and their operand is made, unless the layer is the last.
    pub(crate) fn deliver(&self, p: &Messages<'_>) -> Result<(), GpuError> {
        let (arguments, rows) = self.messages(p)?;
        self.start(&self.kernels.deliver, Self::warps(rows), &arguments)
    }

    /// The operand becomes the gradient by y, `edges` that by the features in front, but for what goes through y; that by
    /// cutoffs is added. `joined`: `[atoms, 3 width]`, gradients by what atoms are, received and sent.
    pub(crate) fn deliver_backward(
        &self,
        p: &Messages<'_>,
        [sender, receiver]: [Slice<'_, u32>; 2],
        joined: Slice<'_, f32>,
        by_cutoff: Slice<'_, f64>,
    ) -> Result<(), GpuError> {
        let (arguments, rows) = self.messages(p)?;
        for found in [sender.len(), receiver.len(), by_cutoff.len()] {
            expect_len("edges", found, rows)?;
        }
        let arguments = MessagesArguments {
            sender: sender.address(),
            receiver: receiver.address(),
            joined: joined.address(),
            by_cutoff: by_cutoff.address(),
            ..arguments
        };
        self.start(&self.kernels.deliver_backward, Self::warps(rows), &arguments)
    }

    /// Sums over edges, by receiver and by sender.
    pub(crate) fn sums(&self, p: &Sums<'_>) -> Result<(), GpuError> {
        let (width, n_edges, n_atoms) = (p.width, p.by_receiver.len(), p.sent.len().saturating_sub(1));
        expect_len("bounds of atoms", p.received.len(), p.sent.len())?;
        let mut arguments = SumsArguments {
            sent: p.sent.address(),
            received: p.received.address(),
            by_receiver: p.by_receiver.address(),
            operand: p.operand.address(),
            plane: p.operand.len() as u64,
            n_atoms: narrow("atoms", n_atoms)?,
            width: narrow("columns", width)?,
            ..SumsArguments::default()
        };
        let (parts, kernel) = match &p.of {
            SumsOf::Messages { y, inverse, scale, gates, atoms } => {
                expect_len("numbers of messages", y.len(), n_edges * width)?;
                expect_len("inverse norms", inverse.len(), n_edges)?;
                expect_len("gates", gates.len(), 4 * n_edges)?;
                expect_len("numbers of a scale", scale.len(), width)?;
                expect_len("features of atoms", atoms.len(), n_atoms * width)?;
                (arguments.y, arguments.inverse, arguments.scale) = (y.address(), inverse.address(), scale.address());
                (arguments.gates, arguments.atoms) = (gates.address(), atoms.address());
                (3, &self.kernels.sum_messages)
            }
            SumsOf::Rows(y) => {
                expect_len("numbers of rows", y.len(), n_edges * width)?;
                (arguments.y, arguments.y_plane) = (y.address(), y.len() as u64);
                (2, &self.kernels.sum_rows)
            }
        };
        expect_len("numbers of sums", p.operand.len(), parts * n_atoms * width)?;
        self.start(kernel, Self::warps(n_atoms * parts * width.div_ceil(128)), &arguments)
    }

    /// `x += joined[:, ..width]` of `[rows, 3 width]`.
    pub(crate) fn add_part(&self, joined: Slice<'_, f32>, x: Slice<'_, f32>, width: usize) -> Result<(), GpuError> {
        let rows = x.len() / width.max(1);
        expect_len("numbers of joined rows", joined.len(), 3 * x.len())?;
        let (joined, x) = (joined.address(), x.address());
        let arguments = AddPartArguments { joined, x, rows: narrow("rows", rows)?, width: row_width(width)? };
        self.start(&self.kernels.add_part, Self::warps(rows), &arguments)
    }

    fn basis(&self, p: &Basis<'_>, features: Slice<'_, f32>) -> Result<BasisArguments, GpuError> {
        let (rows, n_radial) = (p.vectors.len(), p.frequencies.len());
        expect_len("features of edges", features.len(), rows * 16 * n_radial)?;
        Ok(BasisArguments {
            vectors: p.vectors.address(),
            frequencies: p.frequencies.address(),
            features: features.address(),
            plane: features.len() as u64,
            prefactor: p.prefactor,
            reach: p.reach,
            rows: narrow("edges", rows)?,
            n_radial: narrow("radial functions", n_radial)?,
            ..BasisArguments::default()
        })
    }

    /// Features, an operand `[edges, 16 n_radial]`, and cutoffs `[edges]`.
    pub(crate) fn basis_forward(
        &self,
        p: &Basis<'_>,
        features: Slice<'_, f32>,
        cutoff: Slice<'_, f32>,
    ) -> Result<(), GpuError> {
        expect_len("cutoffs", cutoff.len(), p.vectors.len())?;
        let arguments = BasisArguments { cutoff: cutoff.address(), ..self.basis(p, features)? };
        self.start(&self.kernels.basis_forward, Self::warps(p.vectors.len()), &arguments)
    }

    /// Gradients by vectors from those by features, f32, and by cutoffs; without the scales of the atoms that send.
    pub(crate) fn basis_backward(
        &self,
        p: &Basis<'_>,
        by_features: Slice<'_, f32>,
        by_cutoff: Slice<'_, f64>,
        (sender, scales): (Slice<'_, u32>, Slice<'_, f32>),
        slopes: Slice<'_, [f64; 3]>,
    ) -> Result<(), GpuError> {
        expect_len("senders", sender.len(), p.vectors.len())?;
        expect_len("gradients by cutoffs", by_cutoff.len(), p.vectors.len())?;
        expect_len("gradients by vectors", slopes.len(), p.vectors.len())?;
        let arguments = BasisArguments {
            by_cutoff: by_cutoff.address(),
            slopes: slopes.address(),
            sender: sender.address(),
            scales: scales.address(),
            ..self.basis(p, by_features)?
        };
        self.start(&self.kernels.basis_backward, Self::warps(p.vectors.len()), &arguments)
    }

    /// Shared memory that [`head`](Self::head) needs.
    pub(crate) fn head_bytes(width: usize, hidden: usize) -> u32 {
        ((width + 2 * hidden) * size_of::<f64>()) as u32
    }

    /// Energies of structures before they are scaled, and the gradient of the scaled ones by the features of atoms.
    pub(crate) fn head(&self, p: &Head<'_>) -> Result<(), GpuError> {
        let n_structures = p.energies.len();
        let hidden = p.first_bias.len();
        let width = p.first.len() / hidden.max(1);
        expect_len("bounds of structures", p.starts.len(), n_structures + 1)?;
        expect_len("weights of a head", p.first.len(), hidden * width)?;
        expect_len("weights of a head", p.first_transposed.len(), hidden * width)?;
        expect_len("weights of a head", p.second.len(), hidden)?;
        if !p.by_atoms.is_empty() {
            expect_len("gradients by atoms", p.by_atoms.len(), p.atoms.len())?;
            expect_len("scales of gradients", p.scales.len() * width, p.atoms.len())?;
        }
        let arguments = HeadArguments {
            atoms: p.atoms.address(),
            starts: p.starts.address(),
            first_transposed: p.first_transposed.address(),
            first: p.first.address(),
            first_bias: p.first_bias.address(),
            second: p.second.address(),
            energies: p.energies.address(),
            by_atoms: if p.by_atoms.is_empty() { 0 } else { p.by_atoms.address() },
            scales: p.scales.address(),
            second_bias: p.second_bias,
            deviation: p.deviation,
            width: narrow("columns", width)?,
            hidden: narrow("hidden numbers", hidden)?,
        };
        self.start(&self.kernels.head, [n_structures, 1], &arguments)
    }
}
