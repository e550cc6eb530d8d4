//! Defects that change a whole region: stain, color, rough, uneven, bent.

use super::super::canvas::{Plane, UNITS, lerp, lerp3, luma, scale3, smoothstep};
use super::super::noise::{fractal, noise};
use super::super::rng::SeededRng;
use super::super::shapes::{Blob, box_distance};
use super::draft::{Draft, vivid};

/// One to three soft blots, cloudy inside, sometimes with a dark dried rim or a run downwards.
pub(super) fn stain(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let r = rng.log_range(8.0, 30.0);
    let soft = r * rng.range(0.25, 0.6);
    let mut blot = d.empty_coverage();
    for n in 0..rng.int(1, 3) {
        let (dx, dy) = if n == 0 { (0.0, 0.0) } else { (0.9 * r * rng.normal(), 0.9 * r * rng.normal()) };
        let q = if n == 0 { r } else { r * rng.range(0.3, 0.8) };
        Blob::new((at.0 + dx, at.1 + dy), (q, q * rng.range(0.5, 1.0)), rng.angle(), 0.22, 5, rng)
            .draw(&mut blot, soft);
    }
    if rng.chance(0.25) {
        let run = rng.range(1.0, 2.2) * r;
        let w = rng.range(0.2, 0.4) * r;
        Blob::new((at.0, at.1 + run), (w, run), 0.0, 0.1, 3, rng).draw(&mut blot, soft * 0.6);
    }
    let blot = d.on_object(blot);
    let cloud = fractal(d.size(), 0.7 * r, 3, 0.6, rng);
    let rim = if rng.chance(0.4) { rng.range(0.2, 0.6) } else { 0.0 };
    let dark = rng.range(0.35, 0.75) * d.strength;
    // Oil darkens all channels, rust and coffee mostly blue.
    let warm = if rng.chance(0.5) { rng.range(0.0, 0.5) } else { 0.0 };
    for (i, t) in blot.px.iter().enumerate() {
        if *t > 0.0 {
            let edge = rim * smoothstep(0.25, 0.45, *t) * smoothstep(0.75, 0.5, *t);
            let k =
                (dark * t * (1.0 - 0.5 * rim + 0.22 * cloud.px[i]).max(0.2) + dark * edge).clamp(0.0, 0.95);
            let c = d.colour.px[i];
            d.colour.px[i] = [
                c[0] * (1.0 - k * (1.0 - 0.6 * warm)),
                c[1] * (1.0 - k),
                c[2] * (1.0 - (k * (1.0 + warm)).min(0.97)),
            ];
        }
    }
    d.add_to_mask(&blot);
}

/// A patch of wrong hue at nearly unchanged brightness: a splash, a dab or a bar, with a fairly sharp edge.
pub(super) fn color(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let mut patch = d.empty_coverage();
    let angle = rng.angle();
    if rng.chance(0.75) {
        let r = rng.log_range(7.0, 30.0);
        Blob::new(at, (r, r * rng.range(0.4, 1.0)), angle, 0.2, 5, rng).draw(&mut patch, rng.range(0.8, 4.0));
    } else {
        let (hx, hy, round) = (rng.range(8.0, 30.0), rng.range(4.0, 12.0), rng.range(0.5, 4.0));
        let (cos, sin) = (angle.cos(), angle.sin());
        patch = Plane::from_fn(d.size(), |x, y| {
            let (u, v) = (x - at.0, y - at.1);
            smoothstep(0.7, -0.7, box_distance(u * cos + v * sin, v * cos - u * sin, hx, hy, round))
        });
    }
    let patch = d.on_object(patch);
    let v = d.brightness(at.0, at.1);
    let hue = vivid(v.clamp(0.25, 0.6), rng);
    let k = (rng.range(0.7, 1.1) * d.strength).min(0.95);
    let shift = rng.range(0.75, 1.2);
    for (i, t) in patch.px.iter().enumerate() {
        if *t > 0.0 {
            let c = d.colour.px[i];
            // Texture stays: the hue carries the surface's own light and shade.
            let own = luma(c) / v.max(0.05);
            d.colour.px[i] = lerp3(c, scale3(hue, own * shift), t * k);
        }
    }
    d.add_to_mask(&patch);
}

/// A region torn up to coarse, contrasty grain.
pub(super) fn rough(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let r = rng.log_range(9.0, 32.0);
    let mut area = d.empty_coverage();
    Blob::new(at, (r, r * rng.range(0.45, 1.0)), rng.angle(), 0.2, 6, rng)
        .draw(&mut area, rng.range(2.0, 6.0));
    let area = d.on_object(area);
    let cell = rng.range(1.3, 2.8);
    let grain = noise(d.size(), cell, cell, rng);
    let coarse = noise(d.size(), 2.5 * cell, 2.5 * cell, rng);
    let v = d.brightness(at.0, at.1);
    let k = rng.range(0.22, 0.42) * d.strength;
    let base = v * rng.range(0.75, 1.15);
    for (i, t) in area.px.iter().enumerate() {
        if *t > 0.0 {
            let c = d.colour.px[i];
            let torn = match &d.scene.foreign {
                Some(other) => 2.5 * k * (other.px[i] - 1.0).clamp(-1.0, 1.5) + 0.4 * k * grain.px[i],
                None => (grain.px[i] + 0.6 * coarse.px[i]) * k,
            };
            // On bright surfaces grain mostly darkens, on dark ones it mostly brightens; both keep some of the other.
            let level = base * (1.0 + torn) + torn * 0.22;
            let hue = scale3(c, level.max(0.01) / luma(c).max(0.04));
            d.colour.px[i] = lerp3(c, hue, *t);
        }
    }
    d.add_to_mask(&area);
}

/// A large part beyond a boundary that is darker, brighter, flatter or busier, with its texture out of step.
pub(super) fn uneven(d: &mut Draft, rng: &mut SeededRng) {
    let size = d.size();
    let waver = noise(size, rng.range(15.0, 50.0), rng.range(15.0, 50.0), rng);
    let jag = noise(size, 3.0, 3.0, rng);
    let (sway, fringe) = (rng.range(0.0, 5.0), rng.range(0.0, 1.0));
    let angle = match d.scene.grain {
        // On ground surfaces the grinding wheel stopped: the boundary runs across the grain (or along it).
        Some(grain) if rng.chance(0.75) => {
            grain + if rng.chance(0.75) { 0.0 } else { std::f32::consts::FRAC_PI_2 } + 0.08 * rng.normal()
        }
        _ => rng.angle(),
    };
    let (cos, sin) = (angle.cos(), angle.sin());
    // Where a process drifted instead of stopping, there is no line to see.
    let edge = if rng.chance(0.3) { rng.log_range(2.5, 16.0) } else { rng.range(0.6, 2.5) };
    let shape = rng.weighted(&[4.0, 2.5, 2.5]);
    let offset = rng.range(-38.0, 38.0);
    let half = rng.range(14.0, 32.0);
    let centre = (rng.range(20.0, 108.0), rng.range(20.0, 108.0));
    let (hx, hy) = (rng.range(20.0, 46.0), rng.range(20.0, 46.0));
    let distance = Plane::from_fn(size, |x, y| {
        let (u, v) = (x - 64.0, y - 64.0);
        let along = u * cos + v * sin;
        match shape {
            // A half-plane, a band, a box.
            0 => offset - along,
            1 => (along - 0.6 * offset).abs() - half,
            _ => {
                let (u, v) = (x - centre.0, y - centre.1);
                box_distance(u * cos + v * sin, v * cos - u * sin, hx, hy, 3.0)
            }
        }
    });
    let area = distance.add(&waver, sway).add(&jag, fringe).map(|t| smoothstep(edge, -edge, t));
    let area = d.on_object(area);
    let v = d.brightness(64.0, 64.0);
    let k = rng.range(0.18, 0.5) * d.strength;
    let gain = if v > 0.6 || rng.chance(0.5) { 1.0 - 0.8 * k } else { 1.0 + 1.3 * k };
    // The texture inside is that of another place, flatter or busier.
    // Where edges are seen, another place may be ground, so the texture stays.
    let whole = d.scene.object.px.iter().all(|v| *v > 0.99);
    let moved = rng.chance(0.6) && whole;
    let (mx, my) = (rng.range(20.0, 90.0), rng.range(20.0, 90.0));
    let busy = if rng.chance(0.5) { rng.log_range(0.3, 0.8) } else { rng.log_range(1.2, 2.5) };
    let source = &d.scene.colour;
    let smooth = source.blurred(4.0);
    let seam = if rng.chance(0.4) { rng.range(-0.4, 0.5) * d.strength } else { 0.0 };
    let step = UNITS / size as f32;
    for (i, t) in area.px.iter().enumerate() {
        if *t > 0.0 {
            let c = source.px[i];
            let (x, y) = ((i % size) as f32 * step, (i / size) as f32 * step);
            let fine = if moved {
                let (from, soft) = (source.sample(x + mx, y + my), smooth.sample(x + mx, y + my));
                [0, 1, 2].map(|n| from[n] - soft[n])
            } else {
                [0, 1, 2].map(|n| c[n] - smooth.px[i][n])
            };
            let other = d.scene.foreign.as_ref().map_or(1.0, |other| lerp(1.0, other.px[i], 0.6));
            let inside = [0, 1, 2].map(|n| ((smooth.px[i][n] + busy * fine[n]) * gain * other).max(0.0));
            let line = 1.0 + seam * 4.0 * t * (1.0 - t);
            d.colour.px[i] = scale3(lerp3(c, inside, *t), line);
        }
    }
    d.add_to_mask(&area);
}

/// A local push or twist: whatever pattern is there is displaced by several units, fading outwards.
pub(super) fn bent(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let r = rng.range(13.0, 34.0);
    let amount = r * rng.range(0.22, 0.42) * (0.5 + 0.5 * d.strength);
    let way = rng.angle();
    let twist = rng.chance(0.35);
    let (px, py) = (amount * way.cos(), amount * way.sin());
    let turn = rng.sign() * amount / r * 1.8;
    let light = rng.range(0.0, 0.25);
    let mut area = d.empty_coverage();
    let size = d.size();
    let reach = 1.1 * r;
    let (lo, hi) = ((at.0 - reach, at.1 - reach), (at.0 + reach, at.1 + reach));
    Plane::visit_box(size, lo, hi, |i, x, y| {
        let (dx, dy) = (x - at.0, y - at.1);
        let t = dx.hypot(dy) / r;
        if t >= 1.0 {
            return;
        }
        let w = (1.0 - t * t) * (1.0 - t * t);
        let (sx, sy) = if twist {
            let a = turn * w;
            (dx * a.cos() - dy * a.sin() - dx, dx * a.sin() + dy * a.cos() - dy)
        } else {
            (px * w, py * w)
        };
        let c = d.scene.colour.sample(x - sx, y - sy);
        let slope = if twist { 0.0 } else { -(dx * px + dy * py) / (amount * r) };
        d.colour.px[i] = scale3(c, 1.0 + lerp(0.0, light, w) * slope * 2.0);
        area.px[i] = smoothstep(0.8, 1.6, sx.hypot(sy));
    });
    // On an object the bend also moves its outline over the background, so the mask may leave the object a little.
    let near = d.scene.object.clone().blurred(2.0);
    for (m, o) in area.px.iter_mut().zip(&near.px) {
        if *o < 0.05 {
            *m = 0.0;
        }
    }
    d.add_to_mask(&area);
}
