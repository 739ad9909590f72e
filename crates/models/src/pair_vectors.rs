//! Vectors between atoms as candle's layers take them, and the gradient by them.

use candle_core::{Device, Error, Result, Tensor, Var};

/// Vectors between atoms, `[n, 3]` in double precision, Å. Candle follows them only where a gradient is wanted, for then it
/// keeps every intermediate.
#[derive(Debug)]
pub(crate) enum PairVectors {
    /// For energies alone.
    Plain(Tensor),
    /// For energies and their gradient.
    Followed(Var),
}

impl PairVectors {
    /// `followed`: whether their gradient is wanted.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub(crate) fn new(vectors: impl IntoIterator<Item = [f64; 3]>, followed: bool, device: &Device) -> Result<Self> {
        let values = vectors.into_iter().flatten().collect::<Vec<_>>();
        let shape = (values.len() / 3, 3);
        let vectors = Tensor::from_vec(values, shape, &Device::Cpu)?.to_device(device)?;
        Ok(match followed {
            true => Self::Followed(Var::from_tensor(&vectors)?),
            false => Self::Plain(vectors),
        })
    }

    /// `[n, 3]`
    pub(crate) fn tensor(&self) -> &Tensor {
        match self {
            Self::Plain(vectors) => vectors,
            Self::Followed(vectors) => vectors.as_tensor(),
        }
    }

    /// The same; `None` where there are none, for tensors of no rows are not for every operation.
    pub(crate) fn some(&self) -> Option<&Tensor> {
        Some(self.tensor()).filter(|vectors| vectors.elem_count() > 0)
    }

    /// `∂sum/∂vectors`, `[n, 3]`; empty where it is not wanted, and where there are no vectors. `sum`: one number, computed of
    /// the vectors.
    ///
    /// # Errors
    /// When candle fails, or `sum` was not computed of the vectors in a way that candle could follow: a missing gradient is
    /// no gradient of zero.
    pub(crate) fn gradient(&self, sum: &Tensor) -> Result<Vec<[f64; 3]>> {
        let Self::Followed(vectors) = self else { return Ok(Vec::new()) };
        if vectors.elem_count() == 0 {
            return Ok(Vec::new());
        }
        let gradients = sum.backward()?;
        let Some(gradient) = gradients.get(vectors) else {
            return Err(Error::Msg("candle has no gradient of the energy by the vectors between atoms".into()));
        };
        Ok(gradient.flatten_all()?.to_vec1::<f64>()?.as_chunks().0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [[f64; 3]; 2] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];

    fn sum_of_squares(vectors: &Tensor) -> Tensor {
        vectors.sqr().and_then(|squares| squares.sum_all()).unwrap()
    }

    #[test]
    fn the_gradient_is_there_where_it_is_wanted_and_only_there() {
        let followed = PairVectors::new(VECTORS, true, &Device::Cpu).unwrap();
        let gradient = followed.gradient(&sum_of_squares(followed.tensor())).unwrap();
        assert_eq!(gradient, VECTORS.map(|vector| vector.map(|x| 2.0 * x)));

        let plain = PairVectors::new(VECTORS, false, &Device::Cpu).unwrap();
        assert!(!plain.tensor().track_op(), "candle would keep what nobody asks for");
        assert!(plain.gradient(&sum_of_squares(plain.tensor())).unwrap().is_empty());
    }

    #[test]
    fn an_energy_that_was_not_computed_of_the_vectors_is_an_error_and_not_a_force_of_zero() {
        let followed = PairVectors::new(VECTORS, true, &Device::Cpu).unwrap();
        let error = followed.gradient(&sum_of_squares(&followed.tensor().detach())).unwrap_err().to_string();
        assert!(error.contains("no gradient of the energy"), "{error}");
    }

    #[test]
    fn no_vectors_have_no_gradient() {
        let none = PairVectors::new([], true, &Device::Cpu).unwrap();
        assert!(none.some().is_none());
        assert!(none.gradient(&sum_of_squares(none.tensor())).unwrap().is_empty());
    }
}
