//! Mean and spread over the potentials that succeeded.

/// Mean and population standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Statistics {
    pub(super) mean: f64,
    pub(super) std: f64,
    pub(super) n: usize,
}

impl Statistics {
    /// Of the values that are there; `None` where there is none. Sums run in the order of the potentials, so they are
    /// the same to the last bit however often and by whomever they are made.
    pub(super) fn of(values: impl Iterator<Item = Option<f64>> + Clone) -> Option<Self> {
        let n = values.clone().flatten().count();
        if n == 0 {
            return None;
        }
        let mean = values.clone().flatten().sum::<f64>() / n as f64;
        let variance = values.flatten().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n as f64;
        Some(Self { mean, std: variance.sqrt(), n })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_of_the_population_that_succeeded() {
        let of = |values: &[Option<f64>]| Statistics::of(values.iter().copied());
        assert_eq!(of(&[Some(1.0), None, Some(3.0)]).unwrap(), Statistics { mean: 2.0, std: 1.0, n: 2 });
        assert_eq!(of(&[Some(-4.5)]).unwrap(), Statistics { mean: -4.5, std: 0.0, n: 1 });
        assert_eq!(of(&[None, None]), None);
    }
}
