//! Radial functions: Bessel functions under a polynomial cutoff, and the network that makes weights of them.
//!
//! All of it depends on the distance alone, once the two elements are known. So derivatives by the distance are
//! carried forward beside the values, and no transposed network is needed.

use super::config::{Config, Unsupported};
use super::file::{FileError, ModelFile};
use crate::e3nn::{RadialPerceptron, Scratch, polynomial_envelope, smooth_polynomial_envelope, wave};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::spline::{Place, SplineTable};

/// `1 / (1 + a y^q / (1 + y^(q - p)))`, y = r / r0, r0 the mean of two covalent radii.
pub(super) struct Agnesi {
    pub(super) a: f64,
    pub(super) q: f64,
    pub(super) p: f64,
    /// By atomic number, Å.
    pub(super) radii: Vec<f64>,
}

impl Agnesi {
    fn value_and_slope(&self, r: f64, (u, v): (u8, u8)) -> (f64, f64) {
        let radius = |z: u8| self.radii.get(usize::from(z)).copied().unwrap_or(f64::NAN);
        let r0 = 0.5 * (radius(u) + radius(v));
        let y = r / r0;
        let (above, below) = (self.a * y.powf(self.q), 1.0 + y.powf(self.q - self.p));
        let ratio = above / below;
        let value = 1.0 / (1.0 + ratio);
        let slope = (self.q * above / y - ratio * (self.q - self.p) * (below - 1.0) / y) / below;
        (value, -value * value * slope / r0)
    }
}

/// The basis.
pub(super) struct Basis {
    pub(super) r_max: f64,
    pub(super) exponent: f64,
    pub(super) frequencies: Vec<f64>,
    pub(super) prefactor: f64,
    pub(super) transform: Option<Agnesi>,
    apply_cutoff: bool,
}

impl Basis {
    pub(super) fn read(file: &ModelFile) -> Result<Self, FileError> {
        let config = &file.config;
        let name = |name: &str| format!("radial_embedding.{name}");
        let transform = |name: &str| file.number(&format!("radial_embedding.distance_transform.{name}"));
        let radii = "radial_embedding.distance_transform.covalent_radii";
        Ok(Self {
            r_max: file.number(&name("cutoff_fn.r_max"))?,
            exponent: config.cutoff_exponent,
            frequencies: file.read(&name("bessel_fn.bessel_weights"), config.n_bessel)?,
            prefactor: file.number(&name("bessel_fn.prefactor"))?,
            transform: if config.agnesi {
                let n = file.shape(radii)?.iter().product();
                let radii = file.read(radii, n)?;
                Some(Agnesi { a: transform("a")?, q: transform("q")?, p: transform("p")?, radii })
            } else {
                None
            },
            apply_cutoff: config.apply_cutoff,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.frequencies.len()
    }

    /// Whether the basis is a function of the distance alone, whatever the elements.
    fn is_universal(&self) -> bool {
        self.transform.is_none() && self.apply_cutoff
    }

    /// Whether it is a function of the distance for each pair of elements, the cutoff included.
    pub(super) fn is_of_pairs(&self) -> bool {
        self.transform.is_some() && self.apply_cutoff
    }

    /// The cutoff, where it multiplies the radial weights instead of the basis.
    pub(super) fn outer_cutoff(&self, r: f64) -> Option<(f64, f64)> {
        (!self.apply_cutoff).then(|| polynomial_envelope(r, self.r_max, self.exponent))
    }

    /// Values and derivatives by r at a distance between two elements.
    pub(super) fn evaluate(&self, r: f64, elements: (u8, u8), values: &mut [f64], slopes: &mut [f64]) {
        let cutoff = if self.apply_cutoff { polynomial_envelope(r, self.r_max, self.exponent) } else { (1.0, 0.0) };
        self.bessel(r, elements, cutoff, values, slopes);
    }

    /// The same with the cutoff, continued smoothly beyond both ends.
    pub(super) fn evaluate_smooth(&self, r: f64, elements: (u8, u8), values: &mut [f64], slopes: &mut [f64]) {
        let cutoff = smooth_polynomial_envelope(r, self.r_max, self.exponent);
        self.bessel(r, elements, cutoff, values, slopes);
    }

    fn bessel(&self, r: f64, elements: (u8, u8), cutoff: (f64, f64), values: &mut [f64], slopes: &mut [f64]) {
        let (x, by_r) = match &self.transform {
            Some(agnesi) => agnesi.value_and_slope(r, elements),
            None => (r, 1.0),
        };
        for ((frequency, value), slope) in self.frequencies.iter().zip(values).zip(slopes) {
            let (wave, wave_slope) = wave(*frequency, x);
            *value = self.prefactor * wave * cutoff.0;
            *slope = self.prefactor * (wave_slope * by_r * cutoff.0 + wave * cutoff.1);
        }
    }
}

/// The fully connected network from the basis to the weights of all paths: silu between layers, no biases.
pub(super) struct RadialNetwork<T> {
    layers: RadialPerceptron<T>,
    /// Where one table is right for all pairs of elements.
    table: Option<SplineTable<T>>,
    /// The layers before the last, in double precision, where tables are made for each pair of elements.
    hidden: Option<RadialPerceptron<f64>>,
    width: usize,
    set: InstructionSet,
}

/// Steps of the table over the cutoff, by bytes of a number. With 10 Bessel functions the shortest wave is a fifth of
/// the cutoff, and the errors are 1e-8 and 1e-10 of the weights.
fn table_steps(bytes: usize) -> usize {
    if bytes < 8 { 224 } else { 512 }
}

impl<T: Real> RadialNetwork<T> {
    /// `columns[c]`: which output of upstream's network column c is; `None` for padding.
    pub(super) fn read(
        file: &ModelFile,
        layer: usize,
        widths: &[usize],
        columns: &[Option<usize>],
        basis: &Basis,
        exact: bool,
        set: InstructionSet,
    ) -> Result<Self, FileError> {
        let n_weights = columns.iter().flatten().count();
        if widths.first() != Some(&basis.len()) || widths.last() != Some(&n_weights) {
            return Err(Unsupported::Value {
                what: format!("the radial network of interaction {layer}"),
                found: format!("{widths:?}"),
                expected: "one from the Bessel functions to the weights of the paths",
            }
            .into());
        }
        let mut weights = Vec::new();
        for (k, pair) in widths.windows(2).enumerate() {
            weights
                .push(file.read(&format!("interactions.{layer}.conv_tp_weights.layer{k}.weight"), pair[0] * pair[1])?);
        }
        let layers = RadialPerceptron::pack(widths, &weights, columns, set);
        let mut network = Self { layers, table: None, hidden: None, width: columns.len(), set };
        if basis.is_universal() && !exact {
            let wide = RadialPerceptron::<f64>::pack(widths, &weights, columns, set);
            let (mut values, mut slopes) = (vec![0.0; basis.len()], vec![0.0; basis.len()]);
            let mut scratch = Scratch::default();
            network.table =
                Some(SplineTable::build(basis.r_max, table_steps(size_of::<T>()), columns.len(), |r, row| {
                    basis.evaluate_smooth(r, (0, 0), &mut values, &mut slopes);
                    wide.values(&values, &mut scratch, row);
                }));
        }
        if basis.is_of_pairs() && !exact {
            network.hidden = Some(RadialPerceptron::pack(widths, &weights, &[], set));
        }
        Ok(network)
    }

    /// Whether it needs no basis functions.
    pub(super) fn is_tabulated(&self) -> bool {
        self.table.is_some()
    }

    /// The layers before the last, in double precision, where tables are made for each pair of elements.
    pub(super) fn hidden(&self) -> Option<&RadialPerceptron<f64>> {
        self.hidden.as_ref()
    }

    /// Adds what the last layer makes of what comes before it, or of sums of that.
    pub(super) fn add_last(&self, hidden: &[T], out: &mut [T]) {
        self.layers.add_last(hidden, out);
    }

    /// Weights for a distance.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The instruction set it is packed for.
    pub(super) fn set(&self) -> InstructionSet {
        self.set
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> u64 {
        let hidden = self.hidden.as_ref().map_or(0, RadialPerceptron::bytes);
        self.layers.bytes() + hidden + self.table.as_ref().map_or(0, SplineTable::bytes)
    }

    /// Weights of rows of the basis.
    pub(super) fn values(&self, basis: &[T], scratch: &mut Scratch<T>, out: &mut [T]) {
        self.layers.values(basis, scratch, out);
    }

    /// Weights and their derivatives by the distance, from those of the basis.
    pub(super) fn values_and_slopes(
        &self,
        basis: &[T],
        basis_slopes: &[T],
        scratch: &mut Scratch<T>,
        values: &mut [T],
        slopes: &mut [T],
    ) {
        self.layers.values_and_slopes(basis, basis_slopes, scratch, values, slopes);
    }

    /// Weights from the table, one row a distance. Does nothing without a table.
    pub(super) fn tabulated(&self, distances: impl Iterator<Item = f64>, values: &mut [T], slopes: Option<&mut [T]>) {
        let Some(table) = &self.table else { return };
        let places = distances.map(|r| table.place(r));
        let rows = values.chunks_exact_mut(self.width);
        match slopes {
            None => places.zip(rows).for_each(|(place, row): (Place, _)| table.values(&place, row, self.set)),
            Some(slopes) => {
                for ((place, row), slopes) in places.zip(rows).zip(slopes.chunks_exact_mut(self.width)) {
                    table.values_and_slopes(&place, row, slopes, self.set);
                }
            }
        }
    }
}

/// The density of neighbors: `tanh((f · w)²)`, summed at the receiver.
pub(super) struct Density {
    pub(super) weights: Vec<f64>,
}

impl Density {
    pub(super) fn read(file: &ModelFile, layer: usize, config: &Config) -> Result<Self, FileError> {
        let n = config.n_bessel;
        let weights = file.read(&format!("interactions.{layer}.density_fn.layer0.weight"), n)?;
        Ok(Self { weights: weights.iter().map(|w| w / (n as f64).sqrt()).collect() })
    }

    /// Value and derivative by r of one edge.
    pub(super) fn value_and_slope<T: Real>(&self, basis: &[T], slopes: &[T]) -> (f64, f64) {
        Self::of_argument(self.argument(basis), self.argument(slopes))
    }

    /// f · w
    pub(super) fn argument<T: Real>(&self, basis: &[T]) -> f64 {
        basis.iter().zip(&self.weights).map(|(f, w)| f.wide() * w).sum()
    }

    /// Value and derivative from f · w and its derivative.
    pub(super) fn of_argument(argument: f64, slope: f64) -> (f64, f64) {
        let value = (argument * argument).tanh();
        (value, (1.0 - value * value) * 2.0 * argument * slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_and_the_transform_have_the_slopes_that_they_say() {
        let agnesi = Agnesi { a: 1.0805, q: 0.9183, p: 4.5791, radii: vec![0.0, 0.31, 1.2] };
        let slope =
            |f: &dyn Fn(f64) -> f64, r: f64| (8.0 * (f(r + 1e-3) - f(r - 1e-3)) - (f(r + 2e-3) - f(r - 2e-3))) / 12e-3;
        for r in [0.5, 1.7, 3.0, 4.4] {
            let found = polynomial_envelope(r, 5.0, 5.0).1;
            assert!((found - slope(&|r| polynomial_envelope(r, 5.0, 5.0).0, r)).abs() < 1e-10);
            let found = agnesi.value_and_slope(r, (1, 2)).1;
            assert!((found - slope(&|r| agnesi.value_and_slope(r, (1, 2)).0, r)).abs() < 1e-9);
        }
        assert_eq!(polynomial_envelope(5.0, 5.0, 5.0), (0.0, 0.0));
    }
}
