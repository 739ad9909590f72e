use super::math;
use super::{InstructionSet, Kernel, Real, Vector};

struct Apply<'a, T> {
    values: &'a [T],
    function: &'static str,
}

impl<T: Real> Kernel<T> for Apply<'_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<V: Vector<Scalar = T>>(self) -> Vec<T> {
        let mut out = vec![T::default(); self.values.len()];
        for (from, to) in self.values.chunks_exact(V::LANES).zip(out.chunks_exact_mut(V::LANES)) {
            let x = V::load(from);
            let y = match self.function {
                "exp" => math::exp(x),
                "sigmoid" => math::sigmoid(x),
                "gate" => V::splat(T::real(1.0)).div(math::one_plus_exp_minus(x)),
                "sin" => math::sin(x),
                "flush_tiny" => math::flush_tiny(x),
                _ => math::cos(x),
            };
            y.store(to);
        }
        out
    }
}

/// Largest deviation from the standard library over a grid, in units of `scale(exact)`.
fn worst<T: Real>(function: &'static str, low: f64, high: f64, exact: fn(f64) -> f64, relative: bool) -> f64 {
    let n = 16_000;
    let values: Vec<T> = (0..n).map(|k| T::real(low + (high - low) * k as f64 / n as f64)).collect();
    let mut largest = 0f64;
    for set in InstructionSet::available() {
        for (x, y) in values.iter().zip(T::run(Apply { values: &values, function }, set)) {
            let expected = exact(x.wide());
            let scale = if relative { expected.abs() } else { 1.0 };
            largest = largest.max((y.wide() - expected).abs() / scale);
        }
    }
    largest
}

#[test]
fn elementary_functions_are_right_to_a_few_last_places() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    assert!(worst::<f32>("exp", -80.0, 80.0, f64::exp, true) < 3e-7);
    assert!(worst::<f64>("exp", -600.0, 600.0, f64::exp, true) < 1e-15);
    assert!(worst::<f32>("sigmoid", -30.0, 30.0, sigmoid, true) < 4e-7);
    assert!(worst::<f64>("sigmoid", -30.0, 30.0, sigmoid, true) < 1e-15);
    assert!(worst::<f32>("gate", -38.0, 38.0, sigmoid, true) < 3e-6);
    assert!(worst::<f32>("gate", -8.0, 8.0, sigmoid, true) < 7e-7);
    assert!(worst::<f32>("gate", -8.0, 200.0, sigmoid, false) < 2e-7);
    assert!(worst::<f32>("gate", -200.0, -8.0, sigmoid, false) < 1e-9);
    assert!(worst::<f64>("gate", -300.0, 30.0, sigmoid, true) < 1e-13);
    assert!(worst::<f64>("gate", -2000.0, 2000.0, sigmoid, false) < 1e-15);
    for (name, exact) in [("sin", f64::sin as fn(f64) -> f64), ("cos", f64::cos)] {
        assert!(worst::<f32>(name, -120.0, 120.0, exact, false) < 3e-7, "{name}");
        assert!(worst::<f64>(name, -120.0, 120.0, exact, false) < 1e-15, "{name}");
    }
}

#[test]
fn far_arguments_neither_overflow_nor_become_nan() {
    let values = [-1e30f32, 1e30, f32::MAX, f32::MIN, 0.0, -0.0, 200.0, -200.0].repeat(2);
    for set in InstructionSet::available() {
        for function in ["sigmoid", "gate"] {
            let y = f32::run(Apply { values: &values, function }, set);
            assert!(y.iter().all(|y| (0.0..=1.0).contains(y)), "{function}");
        }
    }
}

/// What is left of a number is the number, but for what is negligible beside 1e-24 (`f32`) or 1e-270 (`f64`).
#[test]
fn settling_drops_what_is_negligible_and_nothing_else() {
    fn check<T: Real>(kept: &[f64], dropped: &[f64]) {
        for set in InstructionSet::available() {
            let lanes = set.lanes::<T>();
            let flush_tiny =
                |x: f64| T::run(Apply { values: &vec![T::real(x); lanes], function: "flush_tiny" }, set)[0];
            for x in kept {
                assert_eq!(flush_tiny(*x).wide(), T::real(*x).wide(), "{set:?}");
            }
            for x in dropped {
                assert_eq!(flush_tiny(*x).wide(), 0.0, "{set:?}: {x:e}");
            }
        }
    }
    check::<f32>(&[0.0, 1.5, -3e-9, 7e-17, -1e30], &[1e-38, -3e-39, 1e-44, 1e-33]);
    check::<f64>(&[0.0, 1.5, -3e-9, 7e-250, -1e300], &[1e-308, -3e-310, 1e-300]);
}

#[test]
fn a_tile_refuses_lengths_whose_products_wrap() {
    #[derive(Clone, Copy)]
    struct Tile {
        depth: usize,
        stride: usize,
    }
    impl<T: Real> Kernel<T> for Tile {
        type Output = ();
        #[inline(always)]
        fn run<V: Vector<Scalar = T>>(self) {
            let (left, strip) = ([T::default(); 64], [T::default(); 64]);
            let mut out = [T::default(); 8 * MAX_STRIP];
            V::tile::<4>(self.depth, false, &left, self.stride, &strip, &mut out, MAX_STRIP);
        }
    }
    const MAX_STRIP: usize = 64;
    // Three times the first strides wrap to small numbers, and so does the second depth times the columns of a tile.
    for (depth, stride) in [(1, usize::MAX / 3 + 1), (1, 1 << 63), (1 << 60, 0), (1 << 58, 0), (usize::MAX, 1)] {
        for set in InstructionSet::available().into_iter().filter(|set| *set != InstructionSet::Portable) {
            assert!(
                std::panic::catch_unwind(|| f64::run(Tile { depth, stride }, set)).is_err(),
                "{set:?} {depth} {stride}"
            );
            assert!(
                std::panic::catch_unwind(|| f32::run(Tile { depth, stride }, set)).is_err(),
                "{set:?} {depth} {stride}"
            );
        }
    }
}
