//! A norm of spherical features: one factor for an atom, from the mean square over degrees and channels.
//!
//! `f` is the feature with degree 0 centered over the channels, `s = mean_channels Σ f² / ((2 l + 1)(lmax + 1))`,
//! `out = scale[l] · f / √(s + ε)`, plus `offset` for degree 0.
//!
//! Source: fairchem-core, `models/uma/nn/layer_norm.py`, `rms_norm_sh`.

use crate::simd::{Kernel, Real, Vector};

/// Added to the mean square.
const EPSILON: f64 = 1e-5;

/// Weights.
#[derive(Debug, Clone)]
pub struct SphericalNorm<T> {
    /// Largest degree.
    pub lmax: usize,
    /// Numbers in a row.
    pub channels: usize,
    /// `[lmax + 1, channels]`
    pub scale: Vec<T>,
    /// `[channels]`
    pub offset: Vec<T>,
}

/// `out = norm(features)`
pub struct NormForward<'a, T> {
    /// Weights.
    pub norm: &'a SphericalNorm<T>,
    /// `[atoms, components, channels]`
    pub features: &'a [T],
    /// Of the same shape.
    pub out: &'a mut [T],
}

/// `out += ∂E/∂features`
pub struct NormBackward<'a, T> {
    /// Weights.
    pub norm: &'a SphericalNorm<T>,
    /// `[atoms, components, channels]`
    pub features: &'a [T],
    /// `∂E/∂norm(features)`, of the same shape.
    pub gradient: &'a [T],
    /// Of the same shape.
    pub out: &'a mut [T],
}

/// Mean of degree 0 and the factor.
struct Moments<T> {
    mean: T,
    factor: f64,
}

impl<T: Real> SphericalNorm<T> {
    fn size(&self) -> usize {
        (self.lmax + 1) * (self.lmax + 1) * self.channels
    }

    /// What a square of degree l counts in the mean.
    fn share(&self, l: usize) -> f64 {
        1.0 / ((2 * l + 1) * (self.lmax + 1) * self.channels) as f64
    }

    #[inline(always)]
    fn moments<V: Vector<Scalar = T>>(&self, feature: &[T]) -> Moments<T> {
        let (c, zero) = (self.channels, T::default());
        let mut sum = V::splat(zero);
        for at in (0..c).step_by(V::LANES) {
            sum = sum.add(V::load_padded(&feature[..c], at, zero));
        }
        let mean = T::real(sum.sum().wide() / c as f64);
        let mut square = 0.0;
        for l in 0..=self.lmax {
            let block = &feature[l * l * c..][..(2 * l + 1) * c];
            let (fill, center) = if l == 0 { (mean, V::splat(mean)) } else { (zero, V::splat(zero)) };
            let mut sum = V::splat(zero);
            for at in (0..block.len()).step_by(V::LANES) {
                let lanes = V::load_padded(block, at, fill).sub(center);
                sum = lanes.mul_add(lanes, sum);
            }
            square += sum.sum().wide() * self.share(l);
        }
        Moments { mean, factor: 1.0 / (square + EPSILON).sqrt() }
    }
}

impl<T: Real> Kernel<T> for NormForward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { norm, features, out } = self;
        let (c, zero) = (norm.channels, T::default());
        for (feature, out) in features.chunks_exact(norm.size()).zip(out.chunks_exact_mut(norm.size())) {
            let Moments { mean, factor } = norm.moments::<V>(feature);
            let factor = V::splat(T::real(factor));
            for l in 0..=norm.lmax {
                let scale = &norm.scale[l * c..][..c];
                let center = V::splat(if l == 0 { mean } else { zero });
                for m in l * l..(l + 1) * (l + 1) {
                    let (row, out) = (&feature[m * c..][..c], &mut out[m * c..][..c]);
                    for at in (0..c).step_by(V::LANES) {
                        let lanes = V::load_padded(row, at, zero).sub(center).mul(factor);
                        let offset = if l == 0 { V::load_padded(&norm.offset, at, zero) } else { V::splat(zero) };
                        lanes.mul_add(V::load_padded(scale, at, zero), offset).store_padded(out, at);
                    }
                }
            }
        }
    }
}

impl<T: Real> Kernel<T> for NormBackward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) {
        let Self { norm, features, gradient, out } = self;
        let (c, size, zero) = (norm.channels, norm.size(), T::default());
        let atoms = features.chunks_exact(size).zip(gradient.chunks_exact(size)).zip(out.chunks_exact_mut(size));
        for ((feature, gradient), out) in atoms {
            let Moments { mean, factor } = norm.moments::<V>(feature);
            let mut product = 0.0;
            for l in 0..=norm.lmax {
                let scale = &norm.scale[l * c..][..c];
                let (fill, center) = if l == 0 { (mean, V::splat(mean)) } else { (zero, V::splat(zero)) };
                let mut sum = V::splat(zero);
                for m in l * l..(l + 1) * (l + 1) {
                    let (row, gradient) = (&feature[m * c..][..c], &gradient[m * c..][..c]);
                    for at in (0..c).step_by(V::LANES) {
                        let lanes = V::load_padded(row, at, fill).sub(center);
                        let scaled = V::load_padded(gradient, at, zero).mul(V::load_padded(scale, at, zero));
                        sum = lanes.mul_add(scaled, sum);
                    }
                }
                product += sum.sum().wide();
            }
            for l in 0..=norm.lmax {
                let scale = &norm.scale[l * c..][..c];
                let center = V::splat(if l == 0 { mean } else { zero });
                let along = V::splat(T::real(-product * factor * factor * factor * norm.share(l)));
                let factor = V::splat(T::real(factor));
                let mut sum = 0.0;
                for m in l * l..(l + 1) * (l + 1) {
                    let (row, gradient) = (&feature[m * c..][..c], &gradient[m * c..][..c]);
                    let out = &mut out[m * c..][..c];
                    for at in (0..c).step_by(V::LANES) {
                        let lanes = V::load_padded(row, at, zero).sub(center);
                        let scaled = V::load_padded(gradient, at, zero).mul(V::load_padded(scale, at, zero));
                        let by_lanes = lanes.mul_add(along, scaled.mul(factor));
                        by_lanes.add(V::load_padded(out, at, zero)).store_padded(out, at);
                    }
                    if l == 0 {
                        // Centering takes the mean of the gradient away: that of the product with the lanes is zero.
                        let terms = gradient.iter().zip(scale).map(|(g, s)| g.wide() * s.wide());
                        sum = terms.sum::<f64>();
                    }
                }
                if l == 0 {
                    let shift = V::splat(T::real(-sum / c as f64)).mul(factor);
                    for at in (0..c).step_by(V::LANES) {
                        V::load_padded(&out[..c], at, zero).add(shift).store_padded(&mut out[..c], at);
                    }
                }
            }
        }
    }
}
