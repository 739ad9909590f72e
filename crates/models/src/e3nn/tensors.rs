//! On candle's tensors, differentiable: harmonics by recursion, the polynomial envelope.

use super::couplings::couplings;
use candle_core::{DType, Device, Result, Tensor};

/// From harmonics of l - 1 and of 1 to those of l, for l from 2: `[(2l - 1) 3, 2l + 1]`.
pub(crate) struct Ladder(Vec<Tensor>);

impl Ladder {
    /// Up to `lmax`. A coupling gives harmonics up to a factor, found at one direction.
    pub(crate) fn new(lmax: usize, device: &Device) -> Result<Self> {
        let vector = [0.0, 3f64.sqrt(), 0.0];
        let (mut before, mut steps) = (vector.to_vec(), Vec::new());
        for l in 2..=lmax {
            let (rows, columns) = (2 * l - 1, 2 * l + 1);
            let (mut matrix, mut image) = (vec![0.0; rows * 3 * columns], vec![0.0; columns]);
            for (a, b, c, value) in couplings(l - 1, 1, l) {
                matrix[(a * 3 + b) * columns + c] = value;
                image[c] += value * before[a] * vector[b];
            }
            let factor = (columns as f64).sqrt() / image.iter().map(|x| x * x).sum::<f64>().sqrt();
            steps.push((Tensor::from_vec(matrix, (rows * 3, columns), device)? * factor)?);
            before = image.iter().map(|x| factor * x).collect();
        }
        Ok(Self(steps))
    }

    /// For each l `[n, 2l + 1]`, of vectors `[n, 3]` in double precision: of unit vectors, or of others, where those of l
    /// grow with the l-th power of the length. At least of l = 0 and 1.
    ///
    /// Step by step: the product of harmonics of l - 1 and of 1, projected to l.
    pub(crate) fn harmonics(&self, vectors: &Tensor) -> Result<Vec<Tensor>> {
        let n = vectors.dim(0)?;
        let vector = (vectors * 3f64.sqrt())?;
        let mut all = vec![Tensor::ones((n, 1), DType::F64, vectors.device())?, vector.clone()];
        for (step, before) in self.0.iter().zip(1..) {
            let product = all[before].unsqueeze(2)?.broadcast_mul(&vector.unsqueeze(1)?)?;
            all.push(product.reshape((n, ()))?.matmul(step)?);
        }
        Ok(all)
    }
}

/// `1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2)` below 1, zero from there on.
pub(crate) fn envelope(x: &Tensor, p: f64) -> Result<Tensor> {
    let inner = x.affine(-p * (p + 1.0) / 2.0, p * (p + 2.0))?;
    let inner = ((inner * x)? - (p + 1.0) * (p + 2.0) / 2.0)?;
    let inside = x.detach().lt(1.0)?.to_dtype(x.dtype())?;
    ((x.powf(p)? * inner)? + 1.0)? * inside
}
