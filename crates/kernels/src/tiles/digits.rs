//! Numbers as three digits of eight bits, in the order in which tiles are read.

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Depth of a tile of a factor.
pub(super) const DEPTH: usize = 64;
/// Columns of a tile of the right factor.
pub(super) const COLUMNS: usize = 16;
/// Digits of a number.
pub(super) const DIGITS: usize = 3;
/// Columns of a strip: two tiles side by side.
pub(super) const STRIP: usize = 2 * COLUMNS;
/// Lines of 16 rows of a left factor for [`DEPTH`] of the depth: a tile a digit, the highest first.
pub(super) const LEFT: usize = DIGITS * ROWS;
/// Lines of a strip for [`DEPTH`] of the depth: two tiles a digit, the highest first.
pub(super) const RIGHT: usize = 2 * LEFT;

/// A row of a tile: 64 bytes, a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [i8; DEPTH]);

impl Line {
    pub(super) const ZERO: Self = Self([0; DEPTH]);
}

/// Sums for 16 rows and a strip of columns, tile by tile: of products of the highest digits, of those a digit lower, and
/// of those two lower.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[[i32; COLUMNS]; ROWS]; 2 * DIGITS]);

impl Sums {
    pub(super) const ZERO: Self = Self([[[0; COLUMNS]; ROWS]; 2 * DIGITS]);
}

/// Sums of three digits' products stay below 2^31 up to here.
pub(super) const MOST_DEPTH: usize = 32_768;

/// The largest whole number that is used; what rounding adds to it still has three digits.
const LARGEST: f32 = 8_355_700.0;

/// Rows and columns without a number above this are zero.
const NEGLIGIBLE: f32 = 1e-30;

/// What makes the numbers of a row or column whole, and what one of the highest digit stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) up: f32,
    pub(super) down: f32,
}

impl Scale {
    /// From the bits of the largest absolute value. One that is no number makes all products of its row so.
    #[inline(always)]
    pub(super) fn of(largest_bits: u32) -> Self {
        let largest = f32::from_bits(largest_bits);
        match largest.is_finite() {
            true if largest < NEGLIGIBLE => Self { up: 0.0, down: 0.0 },
            true => {
                let up = LARGEST / largest;
                Self { up, down: 65_536.0 / up }
            }
            false => Self { up: 0.0, down: f32::NAN },
        }
    }
}

/// Bits of the largest absolute value. Those of what is infinite or no number are larger than all others.
#[inline(always)]
pub(super) fn largest_bits(numbers: impl Iterator<Item = f32>) -> u32 {
    numbers.fold(0, |most, x| most.max(x.to_bits() & 0x7fff_ffff))
}

/// The digits of `x · up`, the highest first: `x · up` is nearly `(d0 · 256 + d1) · 256 + d2`.
#[inline(always)]
pub(super) fn digits(x: f32, up: f32) -> [i8; DIGITS] {
    let whole = (x * up).round_ties_even() as i32;
    // With half of each digit's range added, digits are bytes that count from 0.
    let bytes = (whole + 0x0080_8080).to_le_bytes();
    [2, 1, 0].map(|k| (bytes[k] ^ 0x80) as i8)
}

/// Where number `k` of [`DEPTH`] stands in a line: fours stay together, in the order in which vectors leave them.
#[inline(always)]
pub(super) fn place(k: usize) -> usize {
    16 * (k % 16 / 4) + 4 * (k / 16) + k % 4
}

/// Row `r` of each digit of a tile of [`LEFT`] lines.
#[inline(always)]
pub(super) fn lines_of(tile: &mut [Line], r: usize) -> [&mut Line; DIGITS] {
    let (first, others) = tile.split_at_mut(ROWS);
    let (second, third) = others.split_at_mut(ROWS);
    [first, second, third].map(|digit| &mut digit[r])
}

/// Splits a row into row `r` of tiles, one for each [`DEPTH`]; what is missing is zero.
pub(super) fn split_row(numbers: &[f32], up: f32, r: usize, tiles: &mut [Line]) {
    let mut numbers = numbers.chunks(DEPTH);
    for tile in tiles.chunks_exact_mut(LEFT) {
        let [first, second, third] = lines_of(tile, r);
        [*first, *second, *third] = [Line::ZERO; DIGITS];
        for (k, x) in numbers.next().unwrap_or_default().iter().enumerate() {
            let place = place(k);
            [first.0[place], second.0[place], third.0[place]] = digits(*x, up);
        }
    }
}

/// What rows of sums stand for is added to rows of `out`, which begin every `stride` numbers and may be narrower than a
/// strip. `rows`, `columns`: what one of the highest digit stands for in each.
pub(super) fn add_rows(sums: &Sums, rows: &[f32], columns: &[f32], out: &mut [f32], width: usize, stride: usize) {
    for (r, row) in rows.iter().enumerate() {
        for (c, (out, column)) in out[r * stride..][..width].iter_mut().zip(columns).enumerate() {
            let sum = |digit: usize| sums.0[2 * digit + c / COLUMNS][r][c % COLUMNS] as f32;
            let sum = sum(0) + (sum(1) + sum(2) / 256.0) / 256.0;
            *out += sum * column * row;
        }
    }
}
