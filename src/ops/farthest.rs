//! Few points that stand for many.

use super::arrange::transpose;
use super::error::{OpError, Result};
use super::launch::launch_all;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::Problem;
use crate::kernels::farthest::{Farthest, MAX_POINTS};

/// Places of `keep` rows of x [.., width] that stand for all, in their order: the first is row 0, each further one that which
/// is farthest from all before (Gonzalez 1985: no row is more than twice as far from the nearest of them as in the best
/// choice of as many). Of equally far rows the first is taken. The result is the same in every run on one device; where
/// distances differ by their roundings only, another device may choose another row.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[0.0, 1.0, 9.0, 10.0, 4.0], &[5, 1])?;
/// assert_eq!(ops::farthest_first(&gpu, &x, 3)?, [0, 3, 4]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`] when there are more than 2²⁴ rows. Values must be finite.
pub fn farthest_first(gpu: &Gpu, x: &Tensor, keep: usize) -> Result<Vec<usize>> {
    let problem = Farthest { points: x.rows(), width: x.last() };
    if problem.points > MAX_POINTS {
        let expected = format!("at most {MAX_POINTS} rows");
        return Err(OpError::Shape { op: "farthest_first", expected, found: x.shape().to_vec() });
    }
    if keep >= problem.points {
        return Ok((0..problem.points).collect());
    }
    let columns = transpose(gpu, x)?;
    let shapes = problem.outputs().into_iter().map(|len| vec![len]).collect::<Vec<_>>();
    // All are equally far from no centre; of those the first is row 0.
    let fill = |shape: &Vec<usize>, value: f32| Tensor::upload(gpu, &vec![value; shape[0]], shape);
    let mut state = [fill(&shapes[0], f32::MAX)?, fill(&shapes[1], f32::MAX)?, fill(&shapes[2], 0.0)?];
    for _ in 0..keep {
        let [distances, values, places] = &state;
        let inputs = [columns.buffer(), distances.buffer(), values.buffer(), places.buffer()];
        state =
            launch_all(gpu, &problem, &inputs, [shapes[0].clone(), shapes[1].clone(), shapes[2].clone()])?;
    }
    let distances = state[0].read(gpu)?;
    Ok((0..distances.len()).filter(|&row| distances[row] < 0.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::GpuOptions;

    fn chosen(points: &[[f32; 2]], keep: usize) -> Vec<usize> {
        let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
        let x = Tensor::upload(&gpu, points.as_flattened(), &[points.len(), 2]).expect("a tensor");
        farthest_first(&gpu, &x, keep).expect("a choice")
    }

    #[test]
    fn the_first_point_then_always_the_farthest() {
        let points = [[0.0, 0.0], [1.0, 0.0], [9.0, 0.0], [0.0, 4.0], [10.0, 0.0]];
        assert_eq!(chosen(&points, 1), [0]);
        assert_eq!(chosen(&points, 2), [0, 4]);
        assert_eq!(chosen(&points, 3), [0, 3, 4], "(9, 0) is far from the first, but near to the last");
        assert_eq!(chosen(&points, 4), [0, 1, 3, 4], "(1, 0) and (9, 0) are equally far: the first");
        assert_eq!(chosen(&points, 9), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_cluster_of_more_than_a_group_keeps_a_point() {
        // Clusters of very different sizes, far apart.
        let clusters: Vec<usize> = (0..12).flat_map(|cluster| vec![cluster; 1 + 70 * cluster]).collect();
        let point = |(at, &cluster): (usize, &usize)| [100.0 * cluster as f32, 0.01 * (at % 70) as f32];
        let points: Vec<[f32; 2]> = clusters.iter().enumerate().map(point).collect();
        let kept: Vec<usize> = chosen(&points, 12).into_iter().map(|at| clusters[at]).collect();
        assert_eq!(kept, (0..12).collect::<Vec<_>>());
    }
}
