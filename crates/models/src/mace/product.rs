//! The product basis: symmetric contractions with weights of the element, a linear map, the skip connection.

use super::config::{Config, LayerConfig};
use super::file::{FileError, ModelFile};
use super::linear::{ATOMS_PER_THREAD, Linear, Rows};
use super::parameters::{Channels, linear};
use mlip_kernels::simd::{InstructionSet, Real};
use mlip_kernels::symmetric_contraction::{Coefficients, Polynomials};
use mlip_threads as threads;
use std::collections::BTreeMap;

/// One layer's.
pub(super) struct Product<T> {
    polynomials: Polynomials,
    /// One an element, or one for all.
    coefficients: Vec<Coefficients<T>>,
    linear: Linear<T>,
    /// Of what goes in.
    messages: Rows,
    /// Of what comes out.
    features: Rows,
}

/// Entries of upstream's `U` matrices this small are rounding: they vanish by symmetry.
const NOTHING: f64 = 1e-10;

/// A monomial's coefficient: (path, number) pairs, to be multiplied by the weights of the paths.
type Paths = Vec<(usize, f64)>;

/// The contractions to one l and their weights.
struct Contraction {
    /// For each component and monomial, the paths of its degree.
    monomials: Vec<BTreeMap<Vec<u16>, Paths>>,
    /// By degree - 1: `[elements, paths, channels]`.
    weights: Vec<Vec<f64>>,
    n_paths: Vec<usize>,
}

impl Contraction {
    /// `n_weights`: weights of a path, one for each element and channel.
    fn read(
        file: &ModelFile,
        prefix: &str,
        (l, order): (usize, usize),
        n_inputs: usize,
        n_weights: usize,
    ) -> Result<Self, FileError> {
        let mut monomials = vec![BTreeMap::<Vec<u16>, BTreeMap<usize, f64>>::new(); 2 * l + 1];
        let (mut weights, mut n_paths) = (Vec::new(), Vec::new());
        for degree in 1..=order {
            let name = format!("{prefix}U_matrix_{degree}");
            let n = file.shape(&name)?.last().copied().unwrap_or(0);
            let n_tuples = n_inputs.pow(degree as u32);
            let u = file.read(&name, (2 * l + 1) * n_tuples * n)?;
            for (index, row) in u.chunks_exact(n.max(1)).enumerate() {
                if row.iter().all(|x| x.abs() < NOTHING) {
                    continue;
                }
                let (component, tuple) = (index / n_tuples, index % n_tuples);
                let digit = |place: usize| (tuple / n_inputs.pow(place as u32) % n_inputs) as u16;
                let mut monomial: Vec<u16> = (0..degree).map(digit).collect();
                monomial.sort_unstable();
                let paths = monomials[component].entry(monomial).or_default();
                for (path, value) in row.iter().enumerate().filter(|(_, value)| value.abs() >= NOTHING) {
                    *paths.entry(path).or_default() += value;
                }
            }
            let name = match order - degree {
                0 => format!("{prefix}weights_max"),
                below => format!("{prefix}weights.{}", below - 1),
            };
            weights.push(file.read(&name, n_weights * n)?);
            n_paths.push(n);
        }
        let kept = |paths: BTreeMap<usize, f64>| -> Paths {
            paths.into_iter().filter(|(_, value)| value.abs() >= NOTHING).collect()
        };
        let monomials = monomials.into_iter().map(|component| {
            let kept = component.into_iter().map(|(monomial, paths)| (monomial, kept(paths)));
            kept.filter(|(_, paths)| !paths.is_empty()).collect()
        });
        Ok(Self { monomials: monomials.collect(), weights, n_paths })
    }
}

/// All contractions of a layer as polynomials of an atom's messages.
pub(super) struct Contractions {
    pub(super) polynomials: Polynomials,
    /// To each l.
    contractions: Vec<Contraction>,
    /// For each component of each l, which terms its monomials are.
    places: Vec<Vec<usize>>,
    n_elements: usize,
    n_channels: usize,
}

impl Contractions {
    pub(super) fn read(
        file: &ModelFile,
        number: usize,
        config: &Config,
        layer: &LayerConfig,
        n: usize,
    ) -> Result<Self, FileError> {
        let n_inputs = (config.max_ell + 1) * (config.max_ell + 1);
        let n_elements = if config.agnostic_product { 1 } else { config.atomic_numbers.len() };
        let contractions = layer.correlation.iter().enumerate().map(|(l, order)| {
            let prefix = format!("products.{number}.symmetric_contractions.contractions.{l}.");
            Contraction::read(file, &prefix, (l, *order), n_inputs, n_elements * n)
        });
        let contractions = contractions.collect::<Result<Vec<_>, _>>()?;
        let components = contractions.iter().flat_map(|one| &one.monomials);
        let outputs: Vec<Vec<Vec<u16>>> = components.map(|terms| terms.keys().cloned().collect()).collect();
        let (polynomials, places) = Polynomials::new(n_inputs, &outputs);
        Ok(Self { polynomials, contractions, places, n_elements, n_channels: n })
    }

    /// Of each element, or of one for all: `[terms, channels]`. Made one after the other, since those of 89 are large.
    pub(super) fn terms(&self) -> impl Iterator<Item = Vec<f64>> + '_ {
        (0..self.n_elements).map(|element| self.terms_of(element))
    }

    fn terms_of(&self, element: usize) -> Vec<f64> {
        let n = self.n_channels;
        let mut terms = vec![0.0; self.polynomials.n_terms() * n];
        let components = self.contractions.iter().flat_map(|one| one.monomials.iter().map(move |terms| (one, terms)));
        for ((one, monomials), places) in components.zip(&self.places) {
            for ((monomial, paths), place) in monomials.iter().zip(places) {
                let degree = monomial.len() - 1;
                for (path, value) in paths {
                    let weights = &one.weights[degree][(element * one.n_paths[degree] + path) * n..][..n];
                    let to = &mut terms[place * n..][..n];
                    to.iter_mut().zip(weights).for_each(|(term, weight)| *term += value * weight);
                }
            }
        }
        terms
    }
}

impl<T: Real> Product<T> {
    pub(super) fn read(
        file: &ModelFile,
        number: usize,
        config: &Config,
        layer: &LayerConfig,
        channels: Channels,
        set: InstructionSet,
    ) -> Result<Self, FileError> {
        let n = channels.upstream;
        let contractions = Contractions::read(file, number, config, layer, n)?;
        let coefficients = contractions.terms().map(|terms| {
            let term = |term: usize, channel: usize| if channel < n { terms[term * n + channel] } else { 0.0 };
            contractions.polynomials.pack(channels.padded, set, term)
        });
        let coefficients = coefficients.collect();
        let features = Rows::features(layer.product.lmax(), channels.padded);
        let name = format!("products.{number}.linear.weight");
        Ok(Self {
            polynomials: contractions.polynomials,
            coefficients,
            linear: linear(file, &name, &layer.product.0, &layer.product.0, channels, channels, set)?,
            messages: Rows::features(config.max_ell, channels.padded),
            features,
        })
    }

    fn of(&self, element: u16) -> &Coefficients<T> {
        &self.coefficients[usize::from(element).min(self.coefficients.len() - 1)]
    }

    /// The contractions alone, before the linear map.
    pub(super) fn contract(&self, elements: &[u16], messages: &[T]) -> Vec<T> {
        let mut contracted = self.features.zeros(elements.len());
        let (from, to) = (self.messages.stride, self.features.stride);
        threads::for_each_rows(&mut contracted, to, ATOMS_PER_THREAD, |first, contracted| {
            let atoms = messages[first * from..].chunks_exact(from).zip(contracted.chunks_exact_mut(to));
            for (element, (messages, contracted)) in elements[first..].iter().zip(atoms) {
                self.polynomials.forward(self.of(*element), messages, contracted);
            }
        });
        contracted
    }

    /// Adds the product of the messages to `features`.
    pub(super) fn forward(&self, elements: &[u16], messages: &[T], features: &mut [T]) {
        self.linear.forward(&self.contract(elements, messages), features);
    }

    /// `∂E/∂messages` from `∂E/∂features`.
    pub(super) fn backward(&self, elements: &[u16], messages: &[T], features: &[T]) -> Vec<T> {
        let mut contracted = self.features.zeros(elements.len());
        self.linear.backward(features, &mut contracted);
        let mut gradient = self.messages.zeros(elements.len());
        let (from, to) = (self.messages.stride, self.features.stride);
        threads::for_each_rows(&mut gradient, from, ATOMS_PER_THREAD, |first, gradient| {
            let atoms = messages[first * from..].chunks_exact(from).zip(contracted[first * to..].chunks_exact(to));
            let atoms = atoms.zip(gradient.chunks_exact_mut(from));
            for (element, ((messages, contracted), gradient)) in elements[first..].iter().zip(atoms) {
                self.polynomials.backward(self.of(*element), messages, contracted, gradient);
            }
        });
        gradient
    }

    pub(super) fn bytes(&self) -> u64 {
        self.coefficients.iter().map(Coefficients::bytes).sum::<u64>() + self.linear.bytes()
    }
}
