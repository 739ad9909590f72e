use mlip_kernels::linear::Matrix;
use mlip_kernels::simd::InstructionSet;
use std::time::Instant;
fn main() {
    let set = InstructionSet::detect();
    for rows in [24usize, 48, 96] {
        for (depth, width) in [
            (768, 640),
            (512, 256),
            (256, 128),
            (384, 384),
            (256, 256),
            (128, 128),
            (128, 1536),
            (640, 768),
            (256, 512),
            (1536, 128),
            (64, 128),
        ] {
            // several matrices so that weights come from L3 like in a layer
            let n = (6_000_000 / (depth * width)).max(1);
            let ms: Vec<Matrix<f32>> = (0..n)
                .map(|s| Matrix::pack(depth, width, set, |k, c| ((k * 31 + c * 7 + s) % 17) as f32 * 0.01))
                .collect();
            let left = vec![0.5f32; rows * depth];
            let mut out = vec![0.0f32; rows * width];
            let mut run = |ms: &[Matrix<f32>]| {
                let reps = (2_000_000_000 / (rows * depth * width * ms.len())).max(1);
                let t = Instant::now();
                for _ in 0..reps {
                    for m in ms {
                        m.multiply_add_strided(&left, depth, rows, &mut out, width);
                    }
                }
                2.0 * (rows * depth * width * ms.len() * reps) as f64 / t.elapsed().as_secs_f64() / 1e9
            };
            let cold = run(&ms);
            let hot = run(&ms[..1]);
            println!("rows {rows} {depth}x{width}: one {hot:.0} many {cold:.0} GFLOP/s");
        }
    }
}
