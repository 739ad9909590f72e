//! The matrix unit of this processor, after it was tried.

use super::product::Tiled;
use super::unit::{NoTiles, TileUnit, given, may_be_emulated};
use std::sync::OnceLock;

impl TileUnit {
    /// The unit of this processor. The first call asks the operating system for it, for all threads of the process, and
    /// compares a product of it with that of plain loops.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub fn find() -> Result<Self, NoTiles> {
        static TRIED: OnceLock<Result<(), NoTiles>> = OnceLock::new();
        let tried = TRIED.get_or_init(|| match given() {
            Ok(()) if product(Self::Amx) != product(Self::Emulated) => Err(NoTiles::Differs),
            given => given,
        });
        match tried {
            Ok(()) => Ok(Self::Amx),
            Err(NoTiles::Processor | NoTiles::System { .. }) if may_be_emulated() => Ok(Self::Emulated),
            Err(none) => Err(*none),
        }
    }
}

/// Bits of a product of 37 rows, of which the last tile of rows, columns and depth is not full.
fn product(unit: TileUnit) -> Vec<u32> {
    const ROWS: usize = 37;
    const DEPTH: usize = 150;
    const WIDTH: usize = 90;
    let number = |k: usize| ((k * 7919 + 13) % 1009) as f32 * 0.0037 - 1.8;
    let matrix = Tiled::pack(DEPTH, WIDTH, unit, |k, c| number(k * WIDTH + c + 5));
    let left = (0..ROWS * DEPTH).map(number).collect::<Vec<_>>();
    let mut out = vec![0.5; ROWS * WIDTH];
    matrix.multiply_add(&left, DEPTH, ROWS, &mut out, WIDTH);
    out.into_iter().map(f32::to_bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_that_units_are_tried_with_is_one() {
        let bits = product(TileUnit::Emulated);
        let number = |k: usize| ((k * 7919 + 13) % 1009) as f64 * 0.0037 - 1.8;
        let largest = (0..37).flat_map(|r| (0..90).map(move |c| (r, c))).map(|(r, c)| {
            let exact: f64 = (0..150).map(|k| number(r * 150 + k) * number(k * 90 + c + 5)).sum();
            (f64::from(f32::from_bits(bits[r * 90 + c])) - 0.5 - exact).abs()
        });
        let largest = largest.inspect(|x| assert!(!x.is_nan())).fold(0.0, f64::max);
        assert!(largest < 2e-5, "{largest}");
        if let Ok(unit) = TileUnit::find() {
            assert_eq!(product(unit), bits);
        }
    }
}
