//! Fewer rows that stand for many: the greedy solution of the k-centre problem.

use std::cmp::Ordering;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

/// Dimensions of the projection in which distances are measured (Johnson and Lindenstrauss 1984): 64 keep them to about a
/// tenth, and the order of the farthest needs no more.
const DIMENSIONS: usize = 64;

/// Places of `keep` of the rows: the first is the first row, each further one that which is farthest from all before
/// (Gonzalez 1985: its largest distance is at most twice the least possible). Of equally far rows the first is taken, so
/// the result is the same in every run. `rows` gives each row's elements.
pub(super) fn farthest_first<'a>(
    rows: impl Iterator<Item = &'a [f32]>,
    width: usize,
    keep: usize,
) -> Vec<usize> {
    let projected = project(rows, width);
    let count = projected.len() / DIMENSIONS;
    if keep >= count {
        return (0..count).collect();
    }
    let mut distances = vec![f32::INFINITY; count];
    let (mut kept, mut next) = (Vec::with_capacity(keep), 0);
    while kept.len() < keep {
        kept.push(next);
        let centre: Vec<f32> = projected[next * DIMENSIONS..][..DIMENSIONS].to_vec();
        distances[next] = f32::NEG_INFINITY;
        next = farthest(&projected, &mut distances, &centre);
    }
    kept.sort_unstable();
    kept
}

/// Rows that one thread looks at in one go.
const CHUNK: usize = 512;

/// Brings distances up to date with a new centre, and returns the place of the largest, the first of equal ones.
fn farthest(projected: &[f32], distances: &mut [f32], centre: &[f32]) -> usize {
    let rows = projected.par_chunks(CHUNK * DIMENSIONS);
    let of_chunk = |(chunk, (rows, distances)): (usize, (&[f32], &mut [f32]))| {
        let mut farthest = (f32::NEG_INFINITY, chunk * CHUNK);
        for (place, (row, distance)) in rows.chunks_exact(DIMENSIONS).zip(distances).enumerate() {
            let to_centre: f32 = row.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum();
            *distance = distance.min(to_centre);
            if *distance > farthest.0 {
                farthest = (*distance, chunk * CHUNK + place);
            }
        }
        farthest
    };
    let first_of_equal = |a: (f32, usize), b: (f32, usize)| match a.0.total_cmp(&b.0) {
        Ordering::Less => b,
        Ordering::Greater => a,
        Ordering::Equal => (a.0, a.1.min(b.1)),
    };
    let none = || (f32::NEG_INFINITY, usize::MAX);
    rows.zip(distances.par_chunks_mut(CHUNK)).enumerate().map(of_chunk).reduce(none, first_of_equal).1
}

/// Rows in a random basis of signs, the same in every run: [rows, DIMENSIONS].
fn project<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut rng = Pcg64Mcg::seed_from_u64(width as u64);
    let signs: Vec<f32> = (0..width * DIMENSIONS).map(|_| if rng.random() { 1.0 } else { -1.0 }).collect();
    let mut projected = Vec::new();
    for row in rows {
        let mut sums = [0.0f32; DIMENSIONS];
        for (value, signs) in row.iter().zip(signs.chunks_exact(DIMENSIONS)) {
            sums.iter_mut().zip(signs).for_each(|(sum, sign)| *sum += value * sign);
        }
        projected.extend(sums);
    }
    projected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cluster_keeps_a_row() {
        // Ten clusters of very different sizes, far apart.
        let mut rows = Vec::new();
        for cluster in 0..10usize {
            for member in 0..1 + 30 * cluster {
                let mut row = [0.0f32; 16];
                row[cluster] = 1.0;
                row[15] = 0.001 * member as f32;
                rows.push(row);
            }
        }
        let kept = farthest_first(rows.iter().map(|row| &row[..]), 16, 10);
        let clusters: Vec<usize> =
            kept.iter().map(|&at| rows[at].iter().position(|&v| v == 1.0).unwrap()).collect();
        assert_eq!(clusters, (0..10).collect::<Vec<_>>());
        assert_eq!(kept, farthest_first(rows.iter().map(|row| &row[..]), 16, 10));
    }

    #[test]
    fn equal_rows_are_kept_only_when_nothing_else_is_left() {
        let rows = [[1.0f32; 4], [1.0; 4], [1.0; 4], [2.0; 4]];
        let keep = |n| farthest_first(rows.iter().map(|row| &row[..]), 4, n);
        assert_eq!(keep(2), [0, 3]);
        assert_eq!(keep(3), [0, 1, 3]);
        assert_eq!(keep(9), [0, 1, 2, 3]);
    }
}
