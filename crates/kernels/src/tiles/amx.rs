//! The instructions of AMX, which Rust has no stable names for, and those of AVX-512 around them.

use super::digits::{
    COLUMNS, DEPTH, DIGITS, LEFT, Line, RIGHT, STRIP, Sums, largest_bits as largest_bits_of, lines_of,
    split_row as split_row_of,
};
use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// As `ldtilecfg` reads it: all eight tiles have 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static SHAPES: Shapes = Shapes {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// A thread whose tiles have their shapes, until this is dropped. It stays on its thread.
pub(super) struct Configured(PhantomData<*const ()>);

#[expect(unsafe_code, reason = "instructions for tiles and vectors")]
impl Configured {
    /// Sets the shapes.
    ///
    /// # Safety
    /// This process has been given the unit.
    pub(super) unsafe fn set() -> Self {
        // SAFETY: the processor has the instruction, says the caller; it reads 64 bytes, as many as there are.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, preserves_flags)) };
        Self(PhantomData)
    }

    /// Sums of products of digits for 16 rows and a strip, over some steps of the depth. `left`: [`LEFT`] lines a step;
    /// `right`: [`RIGHT`]. Lines `ahead` are asked for, some with each step.
    pub(super) fn multiply(&self, left: &[Line], right: &[Line], sums: &mut Sums, ahead: &[Line]) {
        let steps = left.len() / LEFT;
        assert!(steps > 0 && left.len() == steps * LEFT, "{} lines of a left factor", left.len());
        assert_eq!(right.len(), steps * RIGHT, "lines of a strip for {steps} steps");
        // SAFETY: the unit is this process's and configured: `self` says so. 48 lines of `left` and 96 of `right` are read
        // a step, as many as are there; sums are six tiles of 1 KB; `ahead` is only asked for.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                "tilezero tmm5",
                "2:",
                // The highest digit of the rows with all of the strip.
                "tileloadd tmm6, [{a} + {line}]",
                "tileloadd tmm7, [{b} + {line}]",
                "tdpbssd tmm0, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 1024]",
                "tdpbssd tmm1, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 2048]",
                "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 3072]",
                "tdpbssd tmm3, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 4096]",
                "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 5120]",
                "tdpbssd tmm5, tmm6, tmm7",
                // The second one with the higher two.
                "tileloadd tmm6, [{a} + {line} + 1024]",
                "tileloadd tmm7, [{b} + {line}]",
                "tdpbssd tmm2, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 1024]",
                "tdpbssd tmm3, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 2048]",
                "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 3072]",
                "tdpbssd tmm5, tmm6, tmm7",
                // The third one with the highest.
                "tileloadd tmm6, [{a} + {line} + 2048]",
                "tileloadd tmm7, [{b} + {line}]",
                "tdpbssd tmm4, tmm6, tmm7",
                "tileloadd tmm7, [{b} + {line} + 1024]",
                "tdpbssd tmm5, tmm6, tmm7",
                "add {a}, 3072",
                "add {b}, 6144",
                "mov {i}, {lines}",
                "3:",
                "sub {i}, 1",
                "jb 4f",
                "prefetcht1 [{p}]",
                "add {p}, 64",
                "jmp 3b",
                "4:",
                "sub {steps}, 1",
                "jnz 2b",
                "tilestored [{c} + {line}], tmm0",
                "tilestored [{c} + {line} + 1024], tmm1",
                "tilestored [{c} + {line} + 2048], tmm2",
                "tilestored [{c} + {line} + 3072], tmm3",
                "tilestored [{c} + {line} + 4096], tmm4",
                "tilestored [{c} + {line} + 5120], tmm5",
                a = inout(reg) left.as_ptr() => _,
                b = inout(reg) right.as_ptr() => _,
                c = in(reg) sums.0.as_mut_ptr(),
                line = in(reg) size_of::<Line>(),
                p = inout(reg) ahead.as_ptr() => _,
                lines = in(reg) ahead.len() / steps,
                i = out(reg) _,
                steps = inout(reg) steps => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// [`largest_bits`](super::digits::largest_bits).
    pub(super) fn largest_bits(&self, numbers: &[f32]) -> u32 {
        // SAFETY: a processor with tiles has AVX-512 too, which `TileUnit` makes sure of.
        unsafe { largest_bits(numbers) }
    }

    /// [`split_row`](super::digits::split_row).
    pub(super) fn split_row(&self, numbers: &[f32], up: f32, r: usize, tile: &mut [Line]) {
        // SAFETY: as above.
        unsafe { split_row(numbers, up, r, tile) }
    }

    /// [`add_rows`](super::digits::add_rows) for a whole strip.
    pub(super) fn add_rows(&self, sums: &Sums, rows: &[f32], columns: &[f32; STRIP], out: &mut [f32], stride: usize) {
        // SAFETY: as above.
        unsafe { add_rows(sums, rows, columns, out, stride) }
    }
}

#[expect(unsafe_code, reason = "an instruction for tiles")]
impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: the processor has the instruction, or the shapes could not have been set. Tiles without contents cost
        // nothing when threads are switched.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}

#[target_feature(enable = "avx512f")]
fn largest_bits(numbers: &[f32]) -> u32 {
    let (whole, rest) = numbers.as_chunks::<16>();
    let mut most = [_mm512_setzero_si512(); 4];
    for (k, numbers) in whole.iter().enumerate() {
        #[expect(unsafe_code, reason = "vector instructions")]
        // SAFETY: 16 numbers are read.
        let bits = unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) };
        most[k % 4] = _mm512_max_epu32(most[k % 4], _mm512_and_si512(bits, _mm512_set1_epi32(0x7fff_ffff)));
    }
    let most = _mm512_max_epu32(_mm512_max_epu32(most[0], most[1]), _mm512_max_epu32(most[2], most[3]));
    _mm512_reduce_max_epu32(most).max(largest_bits_of(rest.iter().copied()))
}

#[target_feature(enable = "avx512f,avx512bw")]
fn split_row(numbers: &[f32], up: f32, r: usize, tile: &mut [Line]) {
    let (whole, rest) = numbers.as_chunks::<DEPTH>();
    let (tiles, last) = tile.split_at_mut(whole.len() * LEFT);
    for (numbers, tile) in whole.iter().zip(tiles.chunks_exact_mut(LEFT)) {
        split(numbers, up, lines_of(tile, r));
    }
    split_row_of(rest, up, r, last);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn split(numbers: &[f32; DEPTH], up: f32, [first, second, third]: [&mut Line; DIGITS]) {
    let up = _mm512_set1_ps(up);
    // Of four whole numbers the low bytes, then the middle ones, then the high ones.
    let by_byte = _mm512_set4_epi32(0x0f0b_0703, 0x0e0a_0602, 0x0d09_0501, 0x0c08_0400);
    let half = _mm512_set1_epi32(0x0080_8080);
    let part = |k: usize| {
        #[expect(unsafe_code, reason = "vector instructions")]
        // SAFETY: k is at most 3, and 16 numbers are read.
        let x = unsafe { _mm512_loadu_ps(numbers.as_ptr().add(16 * k)) };
        let whole = _mm512_cvtps_epi32(_mm512_mul_ps(x, up));
        _mm512_shuffle_epi8(_mm512_xor_si512(_mm512_add_epi32(whole, half), half), by_byte)
    };
    let [a, b, c, d] = [part(0), part(1), part(2), part(3)];
    let low = [_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d)];
    let high = [_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d)];
    #[expect(unsafe_code, reason = "vector instructions")]
    // SAFETY: a line has 64 bytes, and is aligned to them.
    unsafe {
        _mm512_store_si512(third.0.as_mut_ptr().cast(), _mm512_unpacklo_epi64(low[0], low[1]));
        _mm512_store_si512(second.0.as_mut_ptr().cast(), _mm512_unpackhi_epi64(low[0], low[1]));
        _mm512_store_si512(first.0.as_mut_ptr().cast(), _mm512_unpacklo_epi64(high[0], high[1]));
    }
}

#[target_feature(enable = "avx512f")]
fn add_rows(sums: &Sums, rows: &[f32], columns: &[f32; STRIP], out: &mut [f32], stride: usize) {
    let digit = _mm512_set1_ps(1.0 / 256.0);
    for (r, row) in rows.iter().enumerate() {
        let row = _mm512_set1_ps(*row);
        let out = out[r * stride..][..STRIP].as_chunks_mut::<COLUMNS>().0;
        for (side, (columns, out)) in columns.as_chunks::<COLUMNS>().0.iter().zip(out).enumerate() {
            let sum = |digit: usize| {
                #[expect(unsafe_code, reason = "vector instructions")]
                // SAFETY: these are 16 numbers.
                let whole = unsafe { _mm512_loadu_si512(sums.0[2 * digit + side][r].as_ptr().cast()) };
                _mm512_cvtepi32_ps(whole)
            };
            // Products with a power of two are exact, so these are the sums of plain loops.
            let sum = _mm512_fmadd_ps(_mm512_fmadd_ps(sum(2), digit, sum(1)), digit, sum(0));
            #[expect(unsafe_code, reason = "vector instructions")]
            // SAFETY: these are 16 numbers each.
            unsafe {
                let sum = _mm512_mul_ps(_mm512_mul_ps(sum, _mm512_loadu_ps(columns.as_ptr())), row);
                _mm512_storeu_ps(out.as_mut_ptr(), _mm512_add_ps(_mm512_loadu_ps(out.as_ptr()), sum));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::digits::{self, ROWS, Scale};
    use super::*;

    fn noise(n: usize) -> Vec<f32> {
        (0..n).map(|k| ((k * 7919 + 13) % 1009) as f32 * 0.37 - 180.0).collect()
    }

    /// Vectors do what plain loops do, to the same bits, also on processors that have vectors and no tiles.
    #[test]
    fn rows_are_split_and_added_as_by_plain_loops() {
        if !is_x86_feature_detected!("avx512bw") {
            return;
        }
        for n in [0, 1, 15, 16, 63, 64, 65, 128, 200] {
            let numbers = noise(n);
            let bits = digits::largest_bits(numbers.iter().copied());
            let up = Scale::of(bits).up;
            let mut tiles = [vec![Line([9; DEPTH]); 4 * LEFT], vec![Line([9; DEPTH]); 4 * LEFT]];
            #[expect(unsafe_code, reason = "vector instructions")]
            // SAFETY: the processor has them.
            unsafe {
                assert_eq!(largest_bits(&numbers), bits);
                split_row(&numbers, up, 5, &mut tiles[0]);
            }
            digits::split_row(&numbers, up, 5, &mut tiles[1]);
            assert!(tiles[0] == tiles[1], "{n} numbers");
        }
        let mut sums = Sums::ZERO;
        let places = sums.0.as_flattened_mut().as_flattened_mut().iter_mut().enumerate();
        places.for_each(|(k, sum)| *sum = (k as i32 * 1_234_567) % 30_000_017 - 15_000_000);
        let (rows, columns) = (noise(ROWS - 3), noise(STRIP));
        let stride = 45;
        let mut outs = [noise(ROWS * stride), noise(ROWS * stride)];
        #[expect(unsafe_code, reason = "vector instructions")]
        // SAFETY: the processor has them.
        unsafe {
            add_rows(&sums, &rows, columns.as_slice().try_into().unwrap(), &mut outs[0], stride);
        }
        digits::add_rows(&sums, &rows, &columns, &mut outs[1], STRIP, stride);
        assert!(outs[0] == outs[1] && outs[0] != noise(ROWS * stride));
    }
}
