//! Which rows an edge's features have in its frame, and in what order.

/// Rows by order: degrees of order 0; then for each order m the degrees of +m and those of -m.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub(crate) lmax: usize,
    pub(crate) mmax: usize,
}

impl Orders {
    /// Components of all degrees.
    pub(crate) fn n_components(&self) -> usize {
        (self.lmax + 1) * (self.lmax + 1)
    }

    /// Degrees that have this order.
    pub(crate) fn n_degrees(&self, m: usize) -> usize {
        self.lmax + 1 - m
    }

    /// Degree and order of each row.
    pub(crate) fn rows(&self) -> Vec<(usize, isize)> {
        let mut rows = (0..=self.lmax).map(|l| (l, 0)).collect::<Vec<_>>();
        for m in 1..=self.mmax {
            for sign in [1, -1] {
                rows.extend((m..=self.lmax).map(|l| (l, sign * m as isize)));
            }
        }
        rows
    }

    /// Component of each row among all degrees, which go from -l to l.
    pub(crate) fn components(&self) -> Vec<u32> {
        self.rows().into_iter().map(|(l, m)| (l * l + l).wrapping_add_signed(m) as u32).collect()
    }

    /// Degree of each row.
    pub(crate) fn degrees(&self) -> Vec<usize> {
        self.rows().into_iter().map(|(l, _)| l).collect()
    }

    /// Factors of a radial network: +m and -m share theirs.
    pub(crate) fn n_factors(&self) -> usize {
        (0..=self.mmax).map(|m| self.n_degrees(m)).sum()
    }

    /// Factor of each row.
    pub(crate) fn factors(&self) -> Vec<u32> {
        let mut first = 0;
        let mut factors = Vec::new();
        for m in 0..=self.mmax {
            let own = (first..first + self.n_degrees(m)).map(|k| k as u32).collect::<Vec<_>>();
            factors.extend(own.repeat(if m == 0 { 1 } else { 2 }));
            first += self.n_degrees(m);
        }
        factors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_upstreams() {
        let orders = Orders { lmax: 2, mmax: 2 };
        assert_eq!(orders.components(), [0, 2, 6, 3, 7, 1, 5, 8, 4]);
        assert_eq!((orders.n_factors(), orders.factors()), (6, vec![0, 1, 2, 3, 4, 3, 4, 5, 5]));
        assert_eq!(Orders { lmax: 4, mmax: 2 }.rows().len(), 5 + 2 * 4 + 2 * 3);
    }
}
