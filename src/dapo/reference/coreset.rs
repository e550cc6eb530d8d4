//! Fewer patches that stand for many: the greedy solution of the k-centre problem, on the device.

use half::f16;
use half::slice::HalfFloatSliceExt;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::gpu::Gpu;
use crate::ops::{self, OpError, Tensor};

/// Dimensions of the projection in which distances are measured (Johnson and Lindenstrauss 1984): 64 keep them to about a
/// tenth, and the order of the farthest needs no more.
const DIMENSIONS: usize = 64;
/// Rows that are projected in one go: 64 MiB of the widest models.
const CHUNK: usize = 1 << 14;

/// Places of `keep` of the patches ([`ops::farthest_first`]). A patch is all of its layers, each [patches, width]: what is
/// near to another one is so at each of them.
///
/// # Errors
/// [`OpError`] of the device.
pub(super) fn coreset(
    gpu: &Gpu,
    layers: &[Vec<f16>],
    width: usize,
    keep: usize,
) -> Result<Vec<usize>, OpError> {
    // A random basis of signs, the same in every run: [DIMENSIONS, width] of each layer.
    let mut rng = Pcg64Mcg::seed_from_u64(width as u64);
    let mut projected: Vec<f32> = Vec::new();
    for rows in layers {
        let signs: Vec<f32> =
            (0..width * DIMENSIONS).map(|_| if rng.random() { 1.0 } else { -1.0 }).collect();
        let signs = Tensor::upload(gpu, &signs, &[DIMENSIONS, width])?;
        let mut of_layer = Vec::with_capacity(rows.len() / width * DIMENSIONS);
        for chunk in rows.chunks(CHUNK * width) {
            let chunk = Tensor::upload(gpu, &chunk.to_f32_vec(), &[chunk.len() / width, width])?;
            of_layer.extend(ops::matmul_nt(gpu, &chunk, &signs, 1.0)?.read(gpu)?);
        }
        match projected.is_empty() {
            true => projected = of_layer,
            false => projected.iter_mut().zip(of_layer).for_each(|(sum, value)| *sum += value),
        }
    }
    let projected = Tensor::upload(gpu, &projected, &[projected.len() / DIMENSIONS, DIMENSIONS])?;
    ops::farthest_first(gpu, &projected, keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::GpuOptions;

    #[test]
    fn every_cluster_of_patches_is_stood_for() {
        let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
        // Ten clusters of very different sizes; half of them differ in one layer only, half in the other.
        let clusters: Vec<usize> = (0..10).flat_map(|cluster| vec![cluster; 1 + 30 * cluster]).collect();
        let layer = |own: fn(usize) -> bool| -> Vec<f16> {
            let row = |(at, &cluster): (usize, &usize)| {
                let mut row = [f16::ZERO; 16];
                row[if own(cluster) { cluster } else { 10 }] = f16::ONE;
                row[15] = f16::from_f32(0.001 * (at % 8) as f32);
                row
            };
            clusters.iter().enumerate().flat_map(row).collect()
        };
        let layers = [layer(|cluster| cluster < 5), layer(|cluster| cluster >= 5)];
        let kept = coreset(&gpu, &layers, 16, 10).expect("a choice");
        let found: Vec<usize> = kept.iter().map(|&at| clusters[at]).collect();
        assert_eq!(found, (0..10).collect::<Vec<_>>());
        assert_eq!(kept, coreset(&gpu, &layers, 16, 10).expect("a choice"));
    }
}
