//! Which row holds which degree and order.

use std::ops::Range;

/// The largest degree that the kernels hold in registers.
pub const MAX_DEGREE: usize = 6;

/// Rows of an edge's features: order by order, +m before -m, in each the degrees upwards.
///
/// For lmax 2, mmax 2: `l0m0 l1m0 l2m0 | l1m+1 l2m+1 l1m-1 l2m-1 | l2m+2 l2m-2`. Behind them come the rows of order
/// mmax + 1, where there are any: a turn of the frame mixes them into those of mmax, so gradients by it read them.
#[derive(Debug, Clone)]
pub struct Layout {
    lmax: usize,
    mmax: usize,
    /// (degree, order) of each row, the extended ones included.
    rows: Vec<(usize, isize)>,
    n_rows: usize,
    orders: Vec<Order>,
    /// By degree: (row, order + degree).
    by_degree: Vec<Vec<(usize, usize)>>,
}

/// The rows of one |m| above 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// |m|
    pub m: usize,
    /// Degrees that have it: rows of either sign.
    pub degrees: usize,
    /// Rows of +m.
    pub plus: Range<usize>,
    /// Rows of -m.
    pub minus: Range<usize>,
}

impl Layout {
    /// All degrees up to `lmax`, at most [`MAX_DEGREE`], and their orders up to `mmax`.
    pub fn new(lmax: usize, mmax: usize) -> Self {
        assert!(mmax <= lmax && lmax <= MAX_DEGREE, "degrees up to {lmax}, orders up to {mmax}");
        let mut rows = Vec::new();
        let mut orders = Vec::new();
        let mut n_rows = 0;
        for m in 0..=(mmax + 1).min(lmax) {
            let degrees = lmax + 1 - m;
            let first = rows.len();
            rows.extend((m..=lmax).map(|l| (l, m as isize)));
            if m > 0 {
                rows.extend((m..=lmax).map(|l| (l, -(m as isize))));
            }
            if m <= mmax {
                n_rows = rows.len();
            }
            if (1..=mmax).contains(&m) {
                let second = first + degrees;
                orders.push(Order { m, degrees, plus: first..second, minus: second..second + degrees });
            }
        }
        let mut by_degree = vec![Vec::new(); lmax + 1];
        for (row, (l, m)) in rows.iter().enumerate() {
            by_degree[*l].push((row, (*l as isize + m) as usize));
        }
        Self { lmax, mmax, rows, n_rows, orders, by_degree }
    }

    /// Largest degree.
    pub fn lmax(&self) -> usize {
        self.lmax
    }

    /// Largest order.
    pub fn mmax(&self) -> usize {
        self.mmax
    }

    /// Components of an atom's feature, `(lmax + 1)²`.
    pub fn n_components(&self) -> usize {
        (self.lmax + 1) * (self.lmax + 1)
    }

    /// Rows of an edge's feature.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// With the rows of order mmax + 1.
    pub fn n_extended(&self) -> usize {
        self.rows.len()
    }

    /// (degree, order) of the rows, the extended ones last.
    pub fn rows(&self) -> &[(usize, isize)] {
        &self.rows
    }

    /// Orders above 0.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// (row, column within the degree) of all rows of a degree.
    #[inline(always)]
    pub(super) fn of_degree(&self, l: usize) -> &[(usize, usize)] {
        &self.by_degree[l]
    }

    /// Numbers of an edge's rotation: blocks of degrees 1 to lmax, row-major.
    pub fn wigner_len(&self) -> usize {
        (1..=self.lmax).map(|l| (2 * l + 1) * (2 * l + 1)).sum()
    }
}
