//! Random fields: the raw material of every surface.

use super::canvas::{Plane, UNITS};
use super::rng::SeededRng;

/// Smooth random field with correlation lengths `cell_x`, `cell_y` in design units; mean 0, deviation about 1.
///
/// A lattice of normal numbers under cubic B-splines, separably: a few operations a pixel, whatever the lengths. A length
/// of a pixel or less gives white noise along that axis.
pub(super) fn noise(size: usize, cell_x: f32, cell_y: f32, rng: &mut SeededRng) -> Plane {
    let scale = size as f32 / UNITS;
    let rng = &mut rng.fields();
    let (tx, nx) = taps(size, cell_x * scale, rng);
    let (ty, ny) = taps(size, cell_y * scale, rng);
    let mut lattice = vec![0.0; nx * ny + 1];
    for pair in lattice.chunks_exact_mut(2) {
        (pair[0], pair[1]) = rng.normal_pair();
    }
    let mut rows = Vec::with_capacity(ny * size);
    for line in lattice.chunks_exact(nx).take(ny) {
        rows.extend(tx.iter().map(|(i, w)| match w {
            None => line[*i],
            Some(w) => w[0] * line[*i] + w[1] * line[i + 1] + w[2] * line[i + 2] + w[3] * line[i + 3],
        }));
    }
    let mut px = Vec::with_capacity(size * size);
    for (i, w) in &ty {
        let row = |k: usize| &rows[(i + k) * size..(i + k + 1) * size];
        match w {
            None => px.extend_from_slice(row(0)),
            Some(w) => {
                let (a, b, c, d) = (row(0), row(1), row(2), row(3));
                px.extend((0..size).map(|x| w[0] * a[x] + w[1] * b[x] + w[2] * c[x] + w[3] * d[x]));
            }
        }
    }
    Plane { size, px }
}

/// For each pixel of a line: the first lattice node and the spline's weights (none: the node's own value); and the
/// number of nodes.
#[allow(clippy::type_complexity)]
fn taps(size: usize, cell: f32, rng: &mut SeededRng) -> (Vec<(usize, Option<[f32; 4]>)>, usize) {
    if cell <= 1.0 {
        return ((0..size).map(|i| (i, None)).collect(), size);
    }
    let shift = rng.unit();
    // A B-spline averages its nodes: the root mean square of Σw² over a cell is 0.69 per axis.
    let gain = 1.0 / 0.69 / 6.0;
    let taps = (0..size).map(|i| {
        let p = i as f32 / cell + shift;
        let (node, t) = (p as usize, p.fract());
        let s = 1.0 - t;
        let w =
            [s * s * s, 4.0 - 6.0 * t * t + 3.0 * t * t * t, 4.0 - 6.0 * s * s + 3.0 * s * s * s, t * t * t];
        (node, Some(w.map(|v| v * gain)))
    });
    let taps: Vec<_> = taps.collect();
    let nodes = taps[size - 1].0 + 4;
    (taps, nodes)
}

/// Fractal sum of `octaves` fields, each half as long and `fall` times as strong as the one before.
pub(super) fn fractal(size: usize, cell: f32, octaves: usize, fall: f32, rng: &mut SeededRng) -> Plane {
    let mut sum = noise(size, cell, cell, rng);
    let (mut cell, mut gain) = (cell, 1.0);
    for _ in 1..octaves {
        cell *= 0.5;
        gain *= fall;
        sum = sum.add(&noise(size, cell, cell, rng), gain);
    }
    sum.standardised()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_unit_deviation_at_every_length() {
        for cell in [0.5, 1.0, 2.0, 6.0] {
            let plane = noise(128, cell, cell, &mut SeededRng::new(5, "noise"));
            let n = plane.px.len() as f32;
            let var = plane.px.iter().map(|v| v * v).sum::<f32>() / n;
            // (128 / 6)² ≈ 450 independent nodes leave a standard error of the variance of about 7 %.
            assert!((0.7..1.35).contains(&var), "cell {cell}: variance {var}");
        }
    }
}
