//! Matrices in digits, and products with them.

#[cfg(target_arch = "x86_64")]
use super::amx::Configured;
use super::digits::{
    COLUMNS, DEPTH, DIGITS, LEFT, Line, MOST_DEPTH, RIGHT, ROWS, STRIP, Scale, Sums, add_rows, largest_bits, split_row,
};
use super::emulated;
use super::unit::TileUnit;
use std::cell::RefCell;

/// Rows that are split at a time, at most: a multiple of a tile's.
const ROOM: usize = 192;

/// A constant matrix `[depth, width]` in digits.
///
/// Columns are cut into strips; in a strip, step follows step of the depth. What is beyond depth and width is zero.
#[derive(Debug, Clone)]
pub(crate) struct Tiled {
    depth: usize,
    width: usize,
    unit: TileUnit,
    lines: Vec<Line>,
    /// Of columns: what one of the highest digit stands for.
    scales: Vec<f32>,
}

/// Rows of a left factor in digits.
#[derive(Debug)]
struct Split {
    lines: Vec<Line>,
    /// Of rows.
    scales: Vec<f32>,
}

thread_local! {
    static SPLIT: RefCell<Split> = const { RefCell::new(Split { lines: Vec::new(), scales: Vec::new() }) };
}

impl Tiled {
    /// Packs the matrix whose element in row `k`, column `c` is `element(k, c)`.
    pub(crate) fn pack(depth: usize, width: usize, unit: TileUnit, element: impl Fn(usize, usize) -> f32) -> Self {
        assert!(depth <= MOST_DEPTH, "sums over {depth} products of digits");
        let (steps, strips) = (depth.div_ceil(DEPTH), width.div_ceil(STRIP));
        let mut lines = vec![Line::ZERO; steps * strips * RIGHT];
        let mut scales = vec![0.0; strips * STRIP];
        let (ready, mut column) = (Unit::ready(unit), vec![0.0; depth]);
        let mut split = vec![Line::ZERO; steps * LEFT];
        for c in 0..width {
            column.iter_mut().enumerate().for_each(|(k, number)| *number = element(k, c));
            let scale = Scale::of(ready.largest_bits(&column));
            scales[c] = scale.down;
            ready.split_row(&column, scale.up, 0, &mut split);
            let strip = &mut lines[c / STRIP * steps * RIGHT..][..steps * RIGHT];
            for (strip, split) in strip.chunks_exact_mut(RIGHT).zip(split.chunks_exact(LEFT)) {
                for digit in 0..DIGITS {
                    let tile = &mut strip[(2 * digit + c % STRIP / COLUMNS) * ROWS..][..ROWS];
                    for (line, four) in tile.iter_mut().zip(split[digit * ROWS].0.as_chunks::<4>().0) {
                        line.0.as_chunks_mut::<4>().0[c % COLUMNS] = *four;
                    }
                }
            }
        }
        Self { depth, width, unit, lines, scales }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.lines[..]) + size_of_val(&self.scales[..])
    }

    /// `out += left · self`; see [`Matrix::multiply_add_strided`](crate::linear::Matrix::multiply_add_strided), which
    /// makes sure that the rows are there. A product is summed apart from what it is added to.
    pub(crate) fn multiply_add(&self, left: &[f32], stride: usize, rows: usize, out: &mut [f32], out_stride: usize) {
        let unit = Unit::ready(self.unit);
        SPLIT.with_borrow_mut(|room| {
            for first in (0..rows).step_by(ROOM) {
                let n = ROOM.min(rows - first);
                unit.split_rows(&left[first * stride..], stride, n, self.depth, room);
                self.add_products(&unit, room, n, &mut out[first * out_stride..], out_stride);
            }
        });
    }

    /// Strip by strip, and in a strip 16 rows by 16 rows; meanwhile the next strip is asked for.
    fn add_products(&self, unit: &Unit, left: &Split, rows: usize, out: &mut [f32], out_stride: usize) {
        let steps = self.depth.div_ceil(DEPTH);
        let mut sums = Sums::ZERO;
        let mut strips = self.lines.chunks_exact((steps * RIGHT).max(1)).peekable();
        let mut column = 0;
        while let Some(strip) = strips.next() {
            let ahead = strips.peek().copied().unwrap_or_default();
            let mut ahead = ahead.chunks(ahead.len().div_ceil(rows.div_ceil(ROWS)).max(1));
            let columns = STRIP.min(self.width - column);
            let scales = &self.scales[column..column + STRIP];
            for (tile, left_lines) in
                left.lines.chunks_exact((steps * LEFT).max(1)).take(rows.div_ceil(ROWS)).enumerate()
            {
                unit.multiply(left_lines, strip, &mut sums, ahead.next().unwrap_or_default());
                let first = tile * ROWS;
                let left_scales = &left.scales[first..rows.min(first + ROWS)];
                let out = &mut out[first * out_stride + column..];
                unit.add_rows(&sums, left_scales, scales, out, columns, out_stride);
            }
            column += STRIP;
        }
    }
}

/// A unit, ready to be used by this thread.
enum Unit {
    #[cfg(target_arch = "x86_64")]
    Amx(Configured),
    Emulated,
}

impl Unit {
    fn ready(unit: TileUnit) -> Self {
        assert!(unit.is_given(), "the matrix was packed for another processor");
        match unit {
            #[cfg(target_arch = "x86_64")]
            TileUnit::Amx => {
                #[expect(unsafe_code, reason = "instructions for tiles")]
                // SAFETY: the process has been given the unit.
                Self::Amx(unsafe { Configured::set() })
            }
            _ => Self::Emulated,
        }
    }

    /// Rows in digits, 16 by 16, and in these step by step of the depth.
    fn split_rows(&self, left: &[f32], stride: usize, rows: usize, depth: usize, to: &mut Split) {
        let steps = depth.div_ceil(DEPTH);
        let whole = rows.next_multiple_of(ROWS);
        to.lines.resize(to.lines.len().max(whole * steps * LEFT / ROWS), Line::ZERO);
        to.scales.resize(to.scales.len().max(whole), 0.0);
        for row in 0..whole {
            let numbers = if row < rows { &left[row * stride..][..depth] } else { &[] };
            let scale = Scale::of(self.largest_bits(numbers));
            to.scales[row] = scale.down;
            let tile = &mut to.lines[row / ROWS * steps * LEFT..][..steps * LEFT];
            self.split_row(numbers, scale.up, row % ROWS, tile);
        }
    }

    fn split_row(&self, numbers: &[f32], up: f32, r: usize, tile: &mut [Line]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx(unit) => unit.split_row(numbers, up, r, tile),
            Self::Emulated => split_row(numbers, up, r, tile),
        }
    }

    fn largest_bits(&self, numbers: &[f32]) -> u32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx(unit) => unit.largest_bits(numbers),
            Self::Emulated => largest_bits(numbers.iter().copied()),
        }
    }

    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "only a unit fetches what comes next"))]
    fn multiply(&self, left: &[Line], right: &[Line], sums: &mut Sums, ahead: &[Line]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx(unit) => unit.multiply(left, right, sums, ahead),
            Self::Emulated => emulated::multiply(left, right, sums),
        }
    }

    /// `width`: columns of `out`.
    fn add_rows(&self, sums: &Sums, rows: &[f32], columns: &[f32], out: &mut [f32], width: usize, stride: usize) {
        #[cfg(target_arch = "x86_64")]
        if let (Self::Amx(unit), STRIP, Ok(columns)) = (self, width, columns.try_into()) {
            return unit.add_rows(sums, rows, columns, out, stride);
        }
        add_rows(sums, rows, columns, out, width, stride);
    }
}
