//! Frames of edges: rotations that take an edge onto the polar axis y, as they act on harmonics.
//!
//! A rotation is the smallest one from the edge to y, or, for edges that point down, to -y with a half turn about x
//! behind it; so it is a smooth function of the direction on either side, and candle differentiates it. What a turn
//! about the edge itself does to the frame changes no result. `D_l = ∫ Y_l(R v) Y_l(v)ᵀ dv` over the sphere, which a
//! quadrature gives exactly.

use super::harmonics::{Point, harmonics, quadrature};
use super::orders::Orders;
use candle_core::{DType, Device, Result, Tensor};

/// Makes rotations of degrees 0 to `lmax`, in double precision.
#[derive(Debug)]
pub(crate) struct Frames {
    orders: Orders,
    /// `[3, points]`
    points: Tensor,
    /// By degree, `[points, 2 l + 1]`: harmonics of the points times their weights.
    weighted: Vec<Tensor>,
    /// Components of the rows.
    rows: Tensor,
    device: Device,
}

impl Frames {
    pub(crate) fn new(orders: &Orders, device: &Device) -> Result<Self> {
        let all = quadrature(orders.lmax);
        let n = all.len();
        let row =
            |of: &dyn Fn(&Point) -> f64| Tensor::from_vec(all.iter().map(of).collect::<Vec<_>>(), n, &Device::Cpu);
        let axes = [row(&|point| point.place[0])?, row(&|point| point.place[1])?, row(&|point| point.place[2])?];
        let weights = row(&|point| point.weight)?.reshape((n, 1))?;
        let of_points = harmonics([&axes[0], &axes[1], &axes[2]], orders.lmax)?;
        let weighted =
            |degree: Vec<Tensor>| Tensor::stack(&degree, 1)?.broadcast_mul(&weights)?.contiguous()?.to_device(device);
        let components = orders.components();
        Ok(Self {
            points: Tensor::stack(&axes, 0)?.to_device(device)?,
            weighted: of_points.into_iter().map(weighted).collect::<Result<_>>()?,
            rows: Tensor::from_vec(components.clone(), components.len(), device)?,
            orders: orders.clone(),
            device: device.clone(),
        })
    }

    /// `[edges, rows, components]` from `[edges, 3]` unit vectors.
    pub(crate) fn rotations(&self, direction: &Tensor) -> Result<Tensor> {
        let n = direction.dim(0)?;
        let turned = self.turned_points(direction)?;
        let n_points = self.points.dim(1)?;
        let axis = |k: usize| turned.narrow(1, k, 1)?.reshape((n, n_points));
        let (x, y, z) = (axis(0)?, axis(1)?, axis(2)?);
        let total = self.orders.n_components();
        let zeros = |rows: usize, columns: usize| Tensor::zeros((n, rows, columns), DType::F64, &self.device);
        let mut blocks = Vec::new();
        for (l, degree) in harmonics([&x, &y, &z], self.orders.lmax)?.into_iter().enumerate() {
            let size = 2 * l + 1;
            let flat = Tensor::stack(&degree, 1)?.reshape((n * size, n_points))?;
            let block = flat.matmul(&self.weighted[l])?.reshape((n, size, size))?;
            let mut parts = Vec::new();
            if l > 0 {
                parts.push(zeros(size, l * l)?);
            }
            parts.push(block);
            if l < self.orders.lmax {
                parts.push(zeros(size, total - (l + 1) * (l + 1))?);
            }
            blocks.push(Tensor::cat(&parts, 2)?);
        }
        Tensor::cat(&blocks, 1)?.index_select(&self.rows, 1)
    }

    /// `[edges, 3, points]`: the points in the frames.
    fn turned_points(&self, direction: &Tensor) -> Result<Tensor> {
        let n = direction.dim(0)?;
        let column = |axis: usize| direction.narrow(1, axis, 1);
        let (x, y, z) = (column(0)?, column(1)?, column(2)?);
        // 1 for edges that point up, -1 for those that point down.
        let sign = y.detach().ge(0.0)?.to_dtype(DType::F64)?.affine(2.0, -1.0)?;
        let (y, z) = ((&y * &sign)?, (&z * &sign)?);
        let share = y.affine(1.0, 1.0)?;
        let cross = ((&x * &z)? / &share)?.neg()?;
        let rows = [
            [(x.sqr()? / &share)?.affine(-1.0, 1.0)?, x.neg()?, cross.clone()],
            [x.clone(), y, z.clone()],
            [cross, z.neg()?, (z.sqr()? / &share)?.affine(-1.0, 1.0)?],
        ];
        let mut all = Vec::new();
        for [a, b, c] in rows {
            all.push(Tensor::cat(&[a, (b * &sign)?, (c * &sign)?], 1)?);
        }
        let rotations = Tensor::stack(&all, 1)?.reshape((n * 3, 3))?;
        rotations.matmul(&self.points)?.reshape((n, 3, ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_take_directions_to_the_polar_axis_and_are_orthogonal() {
        let directions = [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.6, 0.0, -0.8], [0.48, -0.6, 0.64]];
        for (lmax, mmax) in [(2, 2), (4, 4), (6, 6)] {
            let orders = Orders { lmax, mmax };
            let frames = Frames::new(&orders, &Device::Cpu).unwrap();
            let tensor = Tensor::from_vec(directions.concat(), (directions.len(), 3), &Device::Cpu).unwrap();
            let rotations = frames.rotations(&tensor).unwrap();
            let square = rotations.matmul(&rotations.transpose(1, 2).unwrap().contiguous().unwrap()).unwrap();
            let square = square.to_vec3::<f64>().unwrap();
            let column = |k: usize| tensor.narrow(1, k, 1).unwrap();
            let of_edges = harmonics([&column(0), &column(1), &column(2)], lmax).unwrap();
            let of_edges = Tensor::cat(&of_edges.concat(), 1).unwrap().unsqueeze(2).unwrap();
            let turned = rotations.matmul(&of_edges).unwrap().to_vec3::<f64>().unwrap();
            for edge in 0..directions.len() {
                for (row, (l, m)) in orders.rows().into_iter().enumerate() {
                    // On the axis only order 0 is left.
                    let expected = if m == 0 { ((2 * l + 1) as f64).sqrt() } else { 0.0 };
                    assert!((turned[edge][row][0] - expected).abs() < 1e-13, "{lmax}: {edge} {l} {m}");
                    for (column, value) in square[edge][row].iter().enumerate() {
                        let expected = if column == row { 1.0 } else { 0.0 };
                        assert!((value - expected).abs() < 1e-13, "{lmax}: {edge} {row} {column}");
                    }
                }
            }
        }
    }
}
