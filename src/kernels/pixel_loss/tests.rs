use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::map::{Maps, focal};
use super::{PixelLoss, PixelLossBackward, PixelSums};
use crate::kernels::Verifiable as _;
use crate::kernels::softmax::Softmax;
use crate::kernels::softmax_backward::SoftmaxBackward;

/// p = 1/21 everywhere, and p = 1 of the target: −(1 − p)²·ln p of the smoothed probabilities.
#[test]
fn published_values_of_the_focal_loss() {
    let (gain, floor) = Maps { images: 1, grid: 1, size: 1, classes: 21 }.smoothing();
    let uniform = gain / 21.0 + floor;
    assert!((uniform - 0.047_629_047_6).abs() < 1e-10, "{uniform}");
    assert!((focal(uniform) - 2.761_223_156_0).abs() < 1e-9, "{}", focal(uniform));
    assert!((gain + floor - 1.0).abs() < 1e-15);
    assert!(focal(gain + floor).abs() < 1e-30);
}

#[test]
fn corners_of_the_map_are_corners_of_the_grid() {
    let maps = Maps { images: 1, grid: 37, size: 518, classes: 2 };
    assert_eq!(maps.taps(0)[0], (0, 1.0));
    assert_eq!(maps.taps(517)[0], (36, 1.0));
    let position = |i| maps.taps(i).iter().map(|(cell, w)| *cell as f64 * w).sum::<f64>();
    assert!((position(100) - 100.0 * 36.0 / 517.0).abs() < 1e-12);
}

const MAPS: Maps = Maps { images: 3, grid: 4, size: 9, classes: 5 };
const WEIGHTS: [f32; 3] = [4.0, 0.5, 2.0];
const SCALE: f32 = 0.75;

/// The loss as it is defined: every channel up-sampled, every target smoothed, in one image after another.
fn dense(s: &[f64], class_id: &[f64], mask: &[f64]) -> f64 {
    let Maps { images, grid, size, classes } = MAPS;
    let (epsilon, pixels) = (1e-5, size * size);
    let mut loss = 0.0;
    for image in 0..images {
        let (mut sum, mut normal, mut defect) = (0.0, [0.0; 3], [0.0; 3]);
        for pixel in 0..pixels {
            let (rows, columns) = (MAPS.taps(pixel / size), MAPS.taps(pixel % size));
            let q: Vec<f64> = (0..classes)
                .map(|c| {
                    let at = |v: usize, h: usize| s[((image * grid + v) * grid + h) * classes + c];
                    rows.iter().flat_map(|v| columns.iter().map(move |h| v.1 * h.1 * at(v.0, h.0))).sum()
                })
                .collect();
            let marked = mask[image * pixels + pixel];
            let target = if marked > 0.5 { class_id[image] as usize } else { 0 };
            let smooth = |c: usize| if c == target { 1.0 - epsilon } else { epsilon / (classes - 1) as f64 };
            sum += focal(q.iter().enumerate().map(|(c, q)| smooth(c) * q).sum::<f64>() + epsilon);
            let defective: f64 = q[1..].iter().sum();
            for (dice, a, t) in [(&mut normal, q[0], 1.0 - marked), (&mut defect, defective, marked)] {
                let terms = [a * t, a, t];
                dice.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            }
        }
        let dice = |[both, a, t]: [f64; 3]| 1.0 - (2.0 * both + 1.0) / (a + t + 1.0);
        let losses = [sum / pixels as f64, dice(normal), dice(defect)];
        loss += WEIGHTS.iter().zip(losses).map(|(w, l)| f64::from(*w) * l).sum::<f64>();
    }
    f64::from(SCALE) * loss
}

/// Two channels give the loss of all, and its gradient by the logits of the probabilities.
#[test]
fn two_channels_are_as_good_as_all() {
    let Maps { images, grid, size, classes } = MAPS;
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let mut logits: Vec<f64> =
        (0..images * grid * grid * classes).map(|_| rng.random_range(-2.0..2.0)).collect();
    let mask: Vec<f64> = (0..images * size * size).map(|_| f64::from(rng.random_range(0..2))).collect();
    // The second image is good as a whole.
    let mask: Vec<f64> =
        mask.iter().enumerate().map(|(i, m)| if i / (size * size) == 1 { 0.0 } else { *m }).collect();
    let class_id = vec![3.0, 0.0, 1.0];

    let rows = images * grid * grid;
    let softmax = Softmax { rows, width: classes, scale: 1.0, causal: None };
    let probabilities = |logits: &Vec<f64>| softmax.reference(std::slice::from_ref(logits)).remove(0);
    let s = probabilities(&logits);
    let inputs = vec![s.clone(), class_id.clone(), mask.clone()];
    let totals = PixelSums { images, grid, size, classes }.totals(&inputs);
    let [focal, dice_normal, dice_defect] = WEIGHTS;
    let loss = PixelLoss { images, pixels: size * size, focal, dice_normal, dice_defect, scale: SCALE };
    let fused = loss.reference(std::slice::from_ref(&totals))[0][0];
    assert!((fused - dense(&s, &class_id, &mask)).abs() < 1e-12, "{fused}");

    let backward =
        PixelLossBackward { images, grid, size, classes, focal, dice_normal, dice_defect, scale: SCALE };
    let ds = backward.reference(&[inputs, vec![totals, vec![1.0]]].concat()).remove(0);
    let by_logits = SoftmaxBackward { rows, width: classes, scale: 1.0 }.reference(&[s, ds]).remove(0);
    let largest = by_logits.iter().fold(0.0f64, |m, g| m.max(g.abs()));
    assert!(largest > 1e-3);
    for (i, gradient) in by_logits.iter().enumerate() {
        let (at, h) = (logits[i], 1e-4);
        let mut value = |x: f64| {
            logits[i] = x;
            dense(&probabilities(&logits), &class_id, &mask)
        };
        let slope = (value(at + h) - value(at - h)) / (2.0 * h);
        value(at);
        assert!((slope - gradient).abs() < 1e-6 * largest, "{i}: {slope} {gradient}");
    }
}
