//! What only a device can show: `make test-gpu`, on a host with one.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails; figures are printed")]

use mlip_gpu::kernels::{Finish, Matrix, PackedMatrix, Queue, pack_matrix, pack_rows, unpack_rows};
use mlip_gpu::{Buffer, Device, GpuError, Products, Slice, devices, download, upload};

/// All kinds of products: the last is what runs on cards other than Hopper's.
fn queues(device: &Device) -> [(&'static str, Queue); 3] {
    [
        ("f32", Queue::new(device, Products::F32, 0).unwrap()),
        ("f16x3", Queue::new(device, Products::F16x3, 0).unwrap()),
        ("f16x3 portable", Queue::portable(device, Products::F16x3, 0).unwrap()),
    ]
}

/// The first device; without one, tests say so and pass, unless `MLIP_TEST_GPU` asks for them.
fn device() -> Option<Device> {
    match Device::open(0) {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("MLIP_TEST_GPU").is_none() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Numbers between -1 and 1 that look random.
fn numbers(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32) / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}

fn put(queue: &Queue, numbers: &[f32]) -> Buffer {
    let buffer = Buffer::new(queue.stream().device(), (numbers.len() * 4) as u64).unwrap();
    upload(queue.stream(), &buffer, numbers).unwrap();
    buffer
}

/// `left right^T` on the device.
fn plain(queue: &Queue, left: &[f32], right: &[f32], [width, depth]: [usize; 2]) -> Vec<f32> {
    let (products, rows) = (queue.products(), left.len() / depth);
    let left = put(queue, &pack_rows(products, left));
    let PackedMatrix { numbers, scale } = pack_matrix(products, width, depth, |n, k| right[n * depth + k]);
    let right = put(queue, &numbers);
    // What nobody writes must not look like a result.
    let sums = put(queue, &vec![f32::NAN; rows * width]);
    let matrix = Matrix { packed: right.slice(width * depth).unwrap(), width, depth, scale };
    let out = sums.slice(rows * width).unwrap();
    queue.product(left.slice(rows * depth).unwrap(), matrix, rows, Finish::Plain { sums: out }).unwrap();
    download(queue.stream(), out).unwrap()
}

/// Root of the mean square of differences over that of what is expected.
fn error(found: &[f32], expected: &[f64]) -> f64 {
    let square = |x: f64| x * x;
    let difference = found.iter().zip(expected).map(|(a, b)| square(f64::from(*a) - b)).sum::<f64>();
    (difference / expected.iter().copied().map(square).sum::<f64>()).sqrt()
}

fn exact(left: &[f32], right: &[f32], [width, depth]: [usize; 2]) -> Vec<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let row = |row: &[f32]| right.chunks_exact(depth).map(|column| dot(row, column)).collect::<Vec<_>>();
    assert_eq!(right.len(), width * depth);
    left.chunks_exact(depth).flat_map(row).collect()
}

#[test]
fn devices_have_names_and_memory() {
    if device().is_none() {
        return;
    }
    for info in devices().unwrap() {
        println!("{info:?}");
        assert!(!info.name.is_empty() && info.memory_bytes > 1 << 30 && info.n_multiprocessors > 0);
    }
    let missing = Device::open(1000).err().unwrap();
    assert!(matches!(missing, GpuError::NoDevice { ordinal: 1000, .. }), "{missing}");
}

#[test]
fn more_memory_than_there_is_is_an_error_with_both_numbers() {
    let Some(device) = device() else { return };
    let (_, total) = device.memory().unwrap();
    let error = Buffer::new(&device, 2 * total).err().unwrap();
    assert!(matches!(error, GpuError::OutOfMemory { bytes, .. } if bytes == 2 * total), "{error}");
    assert!(Buffer::new(&device, 1 << 20).is_ok(), "the device goes on");
}

#[test]
fn products_equal_those_in_double_precision() {
    let Some(device) = device() else { return };
    for (name, queue) in queues(&device) {
        // f32: sums are rounded. f16x3: 22 bits instead of 24, and sums that are rounded once for 16 or 32 of the depth instead
        // of each time.
        for (rows, width, depth) in [
            (1, 8, 8),
            (130, 16, 48),
            (77, 32, 16),
            (300, 136, 40),
            (129, 1024, 256),
            (131, 1024, 1024),
            (200, 256, 1024),
            (65, 1024, 768),
            (65, 256, 2048),
            (500, 1024, 128),
        ] {
            let limit = 1e-6;
            let (left, right) = (numbers(1, rows * depth), numbers(2, width * depth));
            let found = plain(&queue, &left, &right, [width, depth]);
            let error = error(&found, &exact(&left, &right, [width, depth]));
            println!("{name} {rows} x {width} x {depth}: {error:.2e}");
            assert!(error < limit, "{name} {rows} x {width} x {depth}: {error}");
        }
    }
}

#[test]
fn a_row_of_a_product_has_the_same_bits_alone_and_in_any_batch() {
    let Some(device) = device() else { return };
    for (name, queue) in queues(&device) {
        for (width, depth) in [(1024, 256), (1024, 1024), (256, 1024), (2048, 256), (256, 2048)] {
            let (n, right) = (1111, numbers(3, width * depth));
            let left = numbers(4, n * depth);
            let all = plain(&queue, &left, &right, [width, depth]);
            let row =
                |of: &[f32], r: usize| of[r * width..(r + 1) * width].iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            for r in [0, 1, 63, 64, 127, 128, 500, 1110] {
                let alone = plain(&queue, &left[r * depth..(r + 1) * depth], &right, [width, depth]);
                assert_eq!(row(&alone, 0), row(&all, r), "{name} row {r} alone");
            }
            let order = (0..n).map(|k| k * 577 % n).collect::<Vec<_>>();
            let shuffled =
                order.iter().flat_map(|r| left[r * depth..(r + 1) * depth].iter().copied()).collect::<Vec<_>>();
            let again = plain(&queue, &shuffled, &right, [width, depth]);
            for (place, r) in order.iter().enumerate() {
                assert_eq!(row(&again, place), row(&all, *r), "{name} row {r} at {place}");
            }
        }
    }
}

#[test]
fn what_follows_a_product_is_done_to_its_sums() {
    let Some(device) = device() else { return };
    let (rows, width, depth, atoms) = (150, 40, 24, 7);
    let (left, right, bias) = (numbers(5, rows * depth), numbers(6, width * depth), numbers(7, width));
    let (table, before) = (numbers(8, atoms * 2 * width), numbers(9, rows * width));
    let ends = |by: usize| (0..rows).map(|r| ((r * by) % atoms) as u32).collect::<Vec<_>>();
    let (first, second) = (ends(3), ends(5));
    let product = exact(&left, &right, [width, depth]);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let at = |k: usize| (k / width, k % width);
    for (name, queue) in queues(&device) {
        let products = queue.products();
        let limit = 1.5e-6;
        let (left, bias) = (put(&queue, &pack_rows(products, &left)), put(&queue, &bias));
        let packed = pack_matrix(products, width, depth, |n, k| right[n * depth + k]);
        let (right, scale) = (put(&queue, &packed.numbers), packed.scale);
        let table_on_device = put(&queue, &table);
        let index = |of: &[u32]| {
            let buffer = Buffer::new(&device, 4 * rows as u64).unwrap();
            upload(queue.stream(), &buffer, of).unwrap();
            buffer
        };
        let (first_on_device, second_on_device) = (index(&first), index(&second));
        let bias_of = |k: usize| f64::from(numbers(7, width)[at(k).1]);
        let of_atoms = |k: usize| {
            let (r, c) = at(k);
            let of = |atom: u32, c: usize| f64::from(table[atom as usize * 2 * width + c]);
            of(first[r], c) + of(second[r], width + c)
        };
        let all = |f: &dyn Fn(usize) -> f64| (0..rows * width).map(f).collect::<Vec<_>>();
        let with_bias = all(&|k| product[k] + bias_of(k));
        let with_atoms = all(&|k| product[k] + of_atoms(k));
        let silu = |x: &[f64]| x.iter().map(|x| x * sigmoid(*x)).collect::<Vec<_>>();
        let slope = |x: f64| sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x)));
        let sloped = all(&|k| product[k] * slope(f64::from(before[k])));
        let added = all(&|k| product[k] + f64::from(before[k]));
        for kind in 0..6 {
            let (sums_buffer, out_buffer) = (put(&queue, &before), put(&queue, &vec![f32::NAN; rows * width]));
            let (sums, out) = (sums_buffer.slice(rows * width).unwrap(), out_buffer.slice(rows * width).unwrap());
            let bias = bias.slice(width).unwrap();
            let (finish, sums_expected, out_expected) = match kind {
                0 => (Finish::Hidden { bias, sums, out }, Some(&with_bias), Some(silu(&with_bias))),
                1 => (
                    Finish::Edges {
                        table: table_on_device.slice(table.len()).unwrap(),
                        first: first_on_device.slice(rows).unwrap(),
                        second: second_on_device.slice(rows).unwrap(),
                        sums,
                        out,
                    },
                    Some(&with_atoms),
                    Some(silu(&with_atoms)),
                ),
                2 => (Finish::Rows { bias, sums }, Some(&with_bias), None),
                3 => (Finish::Slope { sums, out }, None, Some(sloped.clone())),
                4 => (Finish::Add { sums }, Some(&added), None),
                _ => (Finish::Hidden { bias, sums: Slice::NONE, out }, None, Some(silu(&with_bias))),
            };
            let matrix = Matrix { packed: right.slice(width * depth).unwrap(), width, depth, scale };
            queue.product(left.slice(rows * depth).unwrap(), matrix, rows, finish).unwrap();
            if let Some(expected) = sums_expected {
                let error = error(&download(queue.stream(), sums).unwrap(), expected);
                assert!(error < limit, "{name} {kind}: {error}");
            }
            if let Some(expected) = out_expected {
                let found = unpack_rows(products, &download(queue.stream(), out).unwrap());
                let error = error(&found, &expected);
                assert!(error < limit, "{name} {kind}: {error}");
            }
        }
    }
}

#[test]
fn sizes_that_do_not_agree_are_refused_before_anything_runs() {
    let Some(device) = device() else { return };
    let queue = Queue::new(&device, Products::F32, 0).unwrap();
    let buffer = put(&queue, &numbers(1, 64 * 64));
    let matrix = Matrix { packed: buffer.slice(64 * 64).unwrap(), width: 64, depth: 64, scale: 1.0 };
    let sums = buffer.slice(64 * 64).unwrap();
    let wrong = queue.product(buffer.slice(63 * 64).unwrap(), matrix, 64, Finish::Plain { sums }).unwrap_err();
    assert!(wrong.to_string().contains("4096") && wrong.to_string().contains("4032"), "{wrong}");
}

/// Not a test of anything: figures for docs/gpu.md.
#[test]
#[ignore = "a measurement"]
fn speed_of_products() {
    let Some(device) = device() else { return };
    for (name, queue) in queues(&device) {
        let products = queue.products();
        for (width, depth) in [(1024, 128), (1024, 256), (1024, 1024), (256, 1024)] {
            let (rows, weights) = (131_072, numbers(2, 997));
            // Random: a matrix of zeros is faster than any real one.
            let left = put(&queue, &pack_rows(products, &numbers(1, rows * depth)));
            let matrix = pack_matrix(products, width, depth, |n, k| weights[(n * 31 + k) % 997]);
            let (right, scale) = (put(&queue, &matrix.numbers), matrix.scale);
            let (bias, sums, out) = (
                put(&queue, &numbers(3, width)),
                put(&queue, &vec![0.0; rows * width]),
                put(&queue, &vec![0.0; rows * width]),
            );
            let matrix = Matrix { packed: right.slice(width * depth).unwrap(), width, depth, scale };
            let (left, bias) = (left.slice(rows * depth).unwrap(), bias.slice(width).unwrap());
            let (sums, out) = (sums.slice(rows * width).unwrap(), out.slice(rows * width).unwrap());
            for (what, finish) in [
                ("plain", Finish::Plain { sums }),
                ("hidden", Finish::Hidden { bias, sums, out }),
                ("slope", Finish::Slope { sums, out }),
            ] {
                let run = || queue.product(left, matrix, rows, finish).unwrap();
                (0..3).for_each(|_| run());
                let start = queue.stream().record().unwrap();
                (0..20).for_each(|_| run());
                let end = queue.stream().record().unwrap();
                start.wait().unwrap();
                end.wait().unwrap();
                let seconds = f64::from(end.milliseconds_since(&start).unwrap()) / 20e3;
                let rate = 2.0 * (rows * width * depth) as f64 / seconds / 1e12;
                println!("speed {name} {what} K {depth} N {width}: {:.3} ms, {rate:.1} TFLOP/s", seconds * 1e3);
            }
        }
    }
}
