//! Hard flat materials: metals, ceramics, stone, sheets. Grain, where there is any, runs vertically.

use super::canvas::{Canvas, Plane, Rgb, UNITS, lerp3, scale3};
use super::noise::{fractal, noise};
use super::rng::SeededRng;
use super::shapes::{Blob, Node, frame_point, stroke};

/// A gray of brightness `low..high` with a slight random cast.
pub(super) fn near_gray(low: f32, high: f32, cast: f32, rng: &mut SeededRng) -> Rgb {
    let v = rng.range(low, high);
    [0; 3].map(|_| v * (1.0 + cast * rng.range(-1.0, 1.0)))
}

/// Fine lines along y: the mark of brushing, grinding or drawing. Standardised.
pub(super) fn brushed(size: usize, rng: &mut SeededRng) -> Plane {
    let fine = noise(size, 0.8, rng.log_range(25.0, 200.0), rng);
    let middle = noise(size, rng.range(1.6, 4.0), rng.log_range(50.0, 400.0), rng);
    let broad = noise(size, rng.range(6.0, 16.0), 400.0, rng);
    let (m, b) = (rng.range(0.2, 0.9), rng.range(0.0, 0.7));
    fine.add(&middle, m).add(&broad, b).standardised()
}

/// Machined metal: brushed, cross-brushed, turned (arcs of a far centre), milled (regular marks) or blasted.
pub(super) fn metal_plate(size: usize, rng: &mut SeededRng) -> Canvas {
    let grain = noise(size, 0.9, 0.9, rng);
    let kind = rng.weighted(&[5.0, 1.5, 2.0, 1.5, 2.0]);
    let texture = match kind {
        0 => brushed(size, rng).add(&grain, rng.range(0.1, 0.7)),
        1 => {
            let across = noise(size, 60.0, 0.8, rng);
            brushed(size, rng).add(&across, rng.range(0.3, 0.8)).add(&grain, 0.3)
        }
        2 => {
            let (cx, cy) = (rng.range(-150.0, 280.0), rng.range(-200.0, -10.0));
            let profile: Vec<f32> = (0..1200).map(|_| rng.normal()).collect();
            let pitch = rng.range(0.7, 1.6);
            Plane::from_fn(size, |x, y| {
                let r = (x - cx).hypot(y - cy) / pitch;
                let i = (r as usize).min(1198);
                profile[i] + (profile[i + 1] - profile[i]) * r.fract()
            })
            .add(&grain, rng.range(0.2, 0.6))
        }
        3 => {
            let (period, depth) = (rng.range(3.0, 9.0), rng.range(0.5, 1.3));
            let bow = rng.range(-0.002, 0.002);
            let wave = Plane::from_fn(size, |x, y| {
                depth * ((y + bow * (x - 64.0) * (x - 64.0)) / period * std::f32::consts::TAU).sin()
            });
            wave.add(&brushed(size, rng), 0.5).add(&grain, 0.5)
        }
        _ => fractal(size, rng.range(2.0, 5.0), 3, 0.9, rng).add(&grain, 0.5),
    };
    let base = match rng.int(0, 6) {
        0 => scale3([0.75, 0.62, 0.40], rng.range(0.6, 1.2)),
        1 => scale3([0.72, 0.46, 0.34], rng.range(0.6, 1.2)),
        _ => near_gray(0.18, 0.8, 0.06, rng),
    };
    let cloud = fractal(size, 50.0, 2, 0.6, rng);
    let mut out = Canvas::shaded(base, &texture.standardised(), rng.range(0.03, 0.16));
    let k = rng.range(0.0, 0.07);
    out.modulate(&cloud, |t| 1.0 + k * t);
    out
}

/// Ground ferrite or ceramic as a line scanner sees it: dark, with fine and broad streaks of uneven contrast, grains
/// and faint clouds.
pub(super) fn magnetic_tile(size: usize, rng: &mut SeededRng) -> Canvas {
    let streaks = brushed(size, rng);
    let patches = noise(size, rng.range(15.0, 40.0), rng.range(20.0, 80.0), rng);
    let grain = noise(size, 0.8, rng.range(0.8, 1.6), rng);
    let cloud = fractal(size, rng.range(14.0, 40.0), 3, 0.6, rng);
    let (s, g, c) = (rng.range(0.03, 0.15), rng.range(0.02, 0.12), rng.range(0.01, 0.08));
    let mut px = Canvas::filled(size, near_gray(0.16, 0.62, 0.01, rng));
    for (i, p) in px.px.iter_mut().enumerate() {
        // Grinding marks fade in and out over the face.
        let local = s * (1.0 + 0.6 * patches.px[i]).clamp(0.15, 2.2);
        *p = scale3(*p, (1.0 + local * streaks.px[i] + g * grain.px[i] + c * cloud.px[i]).max(0.1));
    }
    // A few lines stand out brightly, broken by the grain.
    if rng.chance(0.7) {
        let columns = noise(size, rng.range(0.8, 1.4), 600.0, rng);
        let breaks = noise(size, 1.2, rng.range(3.0, 25.0), rng);
        let (level, k) = (rng.range(1.3, 2.2), rng.range(0.08, 0.35));
        for ((p, a), b) in px.px.iter_mut().zip(&columns.px).zip(&breaks.px) {
            let v = (a - level).max(0.0) * (0.6 + 0.7 * b).clamp(0.0, 1.8);
            *p = scale3(*p, 1.0 + k * v.min(2.0) * 1.5);
        }
    }
    px
}

/// Rolled steel: clouds drawn along the rolling direction, fine grain, faint roll lines.
pub(super) fn steel_strip(size: usize, rng: &mut SeededRng) -> Canvas {
    let stretch = rng.range(1.5, 5.0);
    let cell = rng.range(4.0, 18.0);
    let cloud = noise(size, cell, cell * stretch, rng);
    let detail = noise(size, cell * 0.3, cell * 0.3 * stretch, rng);
    let grain = noise(size, 1.0, rng.range(1.0, 3.0), rng);
    let lines = brushed(size, rng);
    let texture = cloud
        .add(&detail, 0.7)
        .add(&grain, rng.range(0.3, 1.2))
        .add(&lines, rng.range(0.0, 1.0))
        .standardised();
    Canvas::shaded(near_gray(0.25, 0.75, 0.03, rng), &texture, rng.range(0.03, 0.14))
}

/// Polished or rough stone: marble veins, granite grains or plain sandstone; sometimes with a joint near the border.
pub(super) fn stone_tile(size: usize, rng: &mut SeededRng) -> Canvas {
    let base = match rng.int(0, 3) {
        0 => near_gray(0.7, 0.92, 0.04, rng),
        1 => scale3([0.80, 0.72, 0.60], rng.range(0.7, 1.1)),
        2 => near_gray(0.15, 0.4, 0.08, rng),
        _ => near_gray(0.4, 0.7, 0.08, rng),
    };
    let cloud = fractal(size, rng.range(20.0, 45.0), 4, 0.6, rng);
    let mut out = Canvas::shaded(base, &cloud, rng.range(0.01, 0.07));
    match rng.int(0, 2) {
        0 => {
            // Veins are the zero crossings of a smooth field: soft, wandering, without ends inside the picture.
            let field = fractal(size, rng.range(25.0, 50.0), 3, 0.5, rng);
            let (width, k) = (rng.range(0.10, 0.35), rng.range(0.05, 0.2) * rng.sign());
            out.modulate(&field, |t| 1.0 + k * (-(t / width) * (t / width)).exp());
        }
        1 => {
            let cell = rng.range(1.2, 3.0);
            let grains = noise(size, cell, cell, rng);
            let other = noise(size, cell * 1.3, cell * 1.3, rng);
            let (level, dark, bright) = (rng.range(0.4, 1.2), rng.range(0.3, 0.8), rng.range(1.1, 1.6));
            out.modulate(&grains, |t| 1.0 + (dark - 1.0) * ((t - level) * 3.0).clamp(0.0, 1.0));
            out.modulate(&other, |t| 1.0 + (bright - 1.0) * ((t - level - 0.2) * 3.0).clamp(0.0, 1.0));
        }
        _ => {
            let grain = noise(size, 1.0, 1.0, rng);
            let k = rng.range(0.02, 0.10);
            out.modulate(&grain, |t| 1.0 + k * t);
        }
    }
    if rng.chance(0.2) {
        let at = rng.range(3.0, 16.0);
        let mut joint = Plane::filled(size, 0.0);
        let w = rng.range(1.2, 3.0);
        stroke(
            &mut joint,
            &[Node { x: at, y: -5.0, w }, Node { x: at + rng.range(-1.0, 1.0), y: 133.0, w }],
            0.8,
        );
        out.tint(&joint, near_gray(0.2, 0.8, 0.03, rng), rng.range(0.5, 0.9));
    }
    out
}

/// Cast or trowelled concrete: clouds at all lengths, sand grain and many tiny pores, which are normal.
pub(super) fn concrete(size: usize, rng: &mut SeededRng) -> Canvas {
    let cloud = fractal(size, rng.range(20.0, 60.0), 5, rng.range(0.5, 0.75), rng);
    let grain = noise(size, 1.0, 1.0, rng);
    let texture = cloud.add(&grain, rng.range(0.4, 1.2)).standardised();
    let base = near_gray(0.35, 0.75, 0.05, rng);
    let mut out = Canvas::shaded(base, &texture, rng.range(0.03, 0.11));
    let mut pores = Plane::filled(size, 0.0);
    for _ in 0..rng.int(0, 60) {
        let r = rng.range(0.35, 0.9);
        Blob::new(frame_point(0.0, rng), (r, r), 0.0, 0.0, 0, rng).draw(&mut pores, 0.8);
    }
    let k = rng.range(0.1, 0.4);
    out.modulate(&pores, |t| 1.0 - k * t);
    out
}

/// Paper or card: fibres, faint clouds, sometimes kraft or dyed.
pub(super) fn paper(size: usize, rng: &mut SeededRng) -> Canvas {
    let fibres = noise(size, rng.range(0.9, 2.0), rng.range(1.5, 6.0), rng);
    let across = noise(size, rng.range(1.5, 6.0), rng.range(0.9, 2.0), rng);
    let cloud = fractal(size, 24.0, 3, 0.6, rng);
    let texture = fibres.add(&across, 1.0).add(&cloud, 0.6).standardised();
    let base = match rng.int(0, 4) {
        0 => scale3([0.74, 0.58, 0.40], rng.range(0.8, 1.15)),
        1 => [rng.range(0.4, 0.95), rng.range(0.4, 0.95), rng.range(0.4, 0.95)],
        _ => near_gray(0.75, 0.97, 0.04, rng),
    };
    Canvas::shaded(base, &texture, rng.range(0.008, 0.05))
}

/// Moulded or extruded plastic: an even colour with orange peel, a fine texture or rows of dimples.
pub(super) fn plastic_sheet(size: usize, rng: &mut SeededRng) -> Canvas {
    let base = if rng.chance(0.5) {
        near_gray(0.08, 0.92, 0.04, rng)
    } else {
        let hue = [rng.unit(), rng.unit(), rng.unit()];
        lerp3(scale3(hue, rng.range(0.5, 1.0)), [0.5; 3], rng.range(0.0, 0.4))
    };
    let peel = rng.range(1.5, 5.0);
    let mut texture = noise(size, peel, peel, rng);
    if rng.chance(0.3) {
        let (period, k) = (rng.range(5.0, 11.0), rng.range(1.5, 4.0));
        let wave = std::f32::consts::TAU / period;
        texture = texture.add(&Plane::from_fn(size, |x, y| (x * wave).cos() * (y * wave).cos()), k);
    }
    if rng.chance(0.3) {
        texture = texture.add(&brushed(size, rng), rng.range(0.3, 1.0));
    }
    let mut out = Canvas::shaded(base, &texture.standardised(), rng.range(0.008, 0.06));
    let sheen = fractal(size, UNITS * 0.6, 2, 0.5, rng);
    let k = rng.range(0.0, 0.08);
    out.modulate(&sheen, |t| 1.0 + k * t);
    out
}
