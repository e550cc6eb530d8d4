//! Compact defects: hole, contamination, poke, dent, glue.

use super::super::canvas::{Plane, lerp, lerp3, scale3, smoothstep};
use super::super::noise::noise;
use super::super::rng::SeededRng;
use super::super::shapes::{Blob, Node, stroke};
use super::draft::{Draft, contrasting, vivid};

/// One to six pits: dark inside, darkest on the side away from the light, with a sharp edge and often a bright rim.
pub(super) fn hole(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let count = rng.weighted(&[0.0, 6.0, 2.0, 1.5, 0.7, 0.5, 0.5]);
    let light = rng.angle();
    let (lx, ly) = (light.cos(), light.sin());
    let rim = if rng.chance(0.55) { rng.range(0.25, 0.9) * d.strength } else { 0.0 };
    let dark = rng.range(0.02, 0.3);
    let spread = rng.range(6.0, 35.0);
    for n in 0..count {
        let place = if n == 0 { at } else { (at.0 + spread * rng.normal(), at.1 + spread * rng.normal()) };
        let r = if count > 2 { rng.log_range(1.6, 4.0) } else { rng.log_range(2.2, 11.0) };
        let (long, ragged) = (rng.range(0.55, 1.0), rng.range(0.0, 0.22));
        let blob = Blob::new(place, (r, r * long), rng.angle(), ragged, 4, rng);
        let mut pit = d.empty_coverage();
        blob.draw(&mut pit, 0.8);
        let pit = d.on_object(pit);
        let reach = blob.reach() + 3.0;
        let v = d.brightness(place.0, place.1);
        let (lo, hi) = ((place.0 - reach, place.1 - reach), (place.0 + reach, place.1 + reach));
        Plane::visit_box(d.colour.size, lo, hi, |i, x, y| {
            let depth = blob.depth(x, y);
            let lit = (((x - place.0) * lx + (y - place.1) * ly) / r).clamp(-1.0, 1.0);
            if rim > 0.0 && depth < 0.0 {
                let band = smoothstep(-1.8 / r.max(2.0) - 0.1, -0.02, depth)
                    * (0.5 + 0.5 * lit)
                    * d.scene.object.px[i];
                d.colour.px[i] = lerp3(d.colour.px[i], [lerp(v, 1.0, 0.7); 3], rim * band);
            }
            let inner = scale3(d.scene.colour.px[i], dark * (1.0 + 0.8 * lit));
            let k = pit.px[i] * d.strength.min(1.0);
            d.colour.px[i] = lerp3(d.colour.px[i], inner, k);
        });
        d.add_to_mask(&pit);
    }
}

/// A swarm of specks of dust, chips or rust, denser in its middle.
pub(super) fn contamination(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let spread = rng.log_range(5.0, 26.0);
    let (sx, sy) = (spread, spread * rng.range(0.4, 1.0));
    let turn = rng.angle();
    let v = d.brightness(at.0, at.1);
    let colour = match rng.int(0, 3) {
        0 => [0.45, 0.22, 0.08],
        1 => vivid(rng.range(0.3, 0.6), rng),
        _ => contrasting(v, rng),
    };
    let mixed = rng.chance(0.3);
    let count = (rng.log_range(10.0, 40.0) * (spread / 8.0).powf(0.6)) as usize;
    let large = rng.range(1.0, 2.4);
    for _ in 0..count {
        let (u, w) = (sx * rng.normal(), sy * rng.normal());
        let place = (at.0 + u * turn.cos() - w * turn.sin(), at.1 + u * turn.sin() + w * turn.cos());
        let r = rng.log_range(0.6, large);
        let blob = Blob::new(place, (r, r * rng.range(0.5, 1.0)), rng.angle(), 0.25, 3, rng);
        let c = if mixed { contrasting(v, rng) } else { scale3(colour, rng.range(0.7, 1.2)) };
        let k = (0.3 + 0.7 * d.strength).min(1.0);
        let reach = blob.reach() + 0.6;
        let (lo, hi) = ((place.0 - reach, place.1 - reach), (place.0 + reach, place.1 + reach));
        Plane::visit_box(d.colour.size, lo, hi, |i, x, y| {
            let coverage = smoothstep(-0.5, 0.5, blob.depth(x, y) * r) * d.scene.object.px[i];
            d.colour.px[i] = lerp3(d.colour.px[i], c, k * coverage);
            d.mask.px[i] = d.mask.px[i].max(coverage);
        });
    }
}

/// A puncture: a dark pin, a ring pushed up around it, and short folds running out from it like a star.
pub(super) fn poke(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let r = rng.range(3.5, 7.5);
    let light = rng.angle();
    let k = d.strength * rng.range(0.6, 1.0);
    let mut folds = d.empty_coverage();
    let rays = rng.int(5, 10);
    let first = rng.angle();
    for n in 0..rays {
        let a = first + (n as f32 + 0.3 * rng.normal()) / rays as f32 * std::f32::consts::TAU;
        let far = r * rng.range(1.3, 2.4);
        let node = |t: f32, w: f32| Node { x: at.0 + t * a.cos(), y: at.1 + t * a.sin(), w };
        stroke(&mut folds, &[node(0.6 * r, 1.4), node(far, 0.3)], 0.4);
    }
    let folds = d.on_object(folds);
    d.colour.modulate(&folds, |t| 1.0 - 0.55 * k * t);
    let v = d.brightness(at.0, at.1);
    let mut disc = d.empty_coverage();
    let reach = 2.0 * r;
    let pin = rng.range(0.3, 0.5);
    Plane::visit_box(d.colour.size, (at.0 - reach, at.1 - reach), (at.0 + reach, at.1 + reach), |i, x, y| {
        let (dx, dy) = (x - at.0, y - at.1);
        let t = dx.hypot(dy) / r;
        let on = d.scene.object.px[i];
        // The ring is bright on the lit side and shaded on the other.
        let ring = (-((t - 0.85) / 0.22).powi(2)).exp();
        let side = (dy.atan2(dx) - light).cos();
        let c = d.colour.px[i];
        let lit = if side > -0.2 {
            lerp3(c, [lerp(v, 1.0, 0.8); 3], 0.9 * k * ring * on)
        } else {
            scale3(c, 1.0 - 0.6 * k * ring * on)
        };
        let core = smoothstep(pin + 0.12, pin - 0.12, t) * on;
        d.colour.px[i] = lerp3(lit, scale3(c, 0.08), core * k.max(0.6));
        disc.px[i] = smoothstep(1.15, 1.0, t) * on;
    });
    d.add_to_mask(&disc);
    d.add_to_mask(&folds);
}

/// A smooth hollow: one side in light, the other in shade, nothing else.
pub(super) fn dent(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let r = rng.log_range(7.0, 26.0);
    let blob = Blob::new(at, (r, r * rng.range(0.5, 1.0)), rng.angle(), 0.08, 2, rng);
    let light = rng.angle();
    let (lx, ly) = (light.cos(), light.sin());
    let k = d.strength * rng.range(0.55, 1.1);
    let reach = blob.reach() + 2.0;
    let mut area = d.empty_coverage();
    Plane::visit_box(d.colour.size, (at.0 - reach, at.1 - reach), (at.0 + reach, at.1 + reach), |i, x, y| {
        let depth = blob.depth(x, y).max(0.0);
        let t = 1.0 - depth;
        // Slope of a bowl (1 - t²)², largest half-way out; the factor brings its peak to 1.
        let slope = 2.6 * t * (1.0 - t * t);
        let (dx, dy) = (x - at.0, y - at.1);
        let side = (dx * lx + dy * ly) / dx.hypot(dy).max(0.5);
        let on = d.scene.object.px[i];
        let shade = k * slope * side * on;
        let c = d.colour.px[i];
        d.colour.px[i] = if shade > 0.0 {
            lerp3(scale3(c, 1.0 + 0.5 * shade), [1.0; 3], 0.3 * shade)
        } else {
            scale3(c, (1.0 + 0.75 * shade).max(0.05))
        };
        area.px[i] = smoothstep(0.02, 0.12, depth) * on;
    });
    d.add_to_mask(&area);
}

/// A drop of glue: one to three lobes, milky or yellowish, blurring what is under it, with a dark foot and highlights.
pub(super) fn glue(d: &mut Draft, rng: &mut SeededRng) {
    let at = d.point_on_object(rng);
    let r = rng.log_range(6.0, 19.0);
    let mut drop = d.empty_coverage();
    for n in 0..rng.int(1, 3) {
        let place = if n == 0 { at } else { (at.0 + 0.8 * r * rng.normal(), at.1 + 0.8 * r * rng.normal()) };
        let q = r * if n == 0 { 1.0 } else { rng.range(0.4, 0.8) };
        Blob::new(place, (q, q * rng.range(0.6, 1.0)), rng.angle(), 0.12, 3, rng).draw(&mut drop, 1.0);
    }
    let drop = d.on_object(drop);
    // The drop's height: its coverage, smoothed; its slope catches the light.
    let height = drop.clone().blurred(0.22 * r);
    let under = d.colour.blurred(1.6);
    let body = if rng.chance(0.6) {
        [rng.range(0.75, 0.95); 3]
    } else {
        [0.85, rng.range(0.65, 0.8), rng.range(0.3, 0.5)]
    };
    let milk = rng.range(0.12, 0.45) * d.strength;
    let gloss = rng.range(0.7, 1.0) * (0.4 + 0.6 * d.strength).min(1.0);
    let light = rng.angle();
    let (lx, ly) = (light.cos() * 1.2, light.sin() * 1.2);
    let ripple = noise(d.size(), 5.0, 5.0, rng);
    let size = d.size();
    Plane::visit_box(size, (at.0 - 4.0 * r, at.1 - 4.0 * r), (at.0 + 4.0 * r, at.1 + 4.0 * r), |i, x, y| {
        let coverage = drop.px[i];
        if coverage <= 0.0 {
            return;
        }
        let slope = (height.at(x + lx, y + ly) - height.at(x - lx, y - ly)) * 0.22 * r / 1.2;
        let foot = smoothstep(0.75, 0.35, height.px[i]);
        let mut c = lerp3(under.px[i], body, milk);
        c = scale3(c, (1.0 - 0.45 * foot * d.strength) * (1.0 - 0.45 * slope));
        // A window's reflection sits on the lit flank, with a weaker one opposite.
        let peak = smoothstep(0.27, 0.42, -slope + 0.05 * ripple.px[i]);
        let back = 0.35 * smoothstep(0.32, 0.45, slope);
        c = lerp3(c, [1.0; 3], gloss * 0.9 * (peak + back).min(1.0) * smoothstep(0.45, 0.65, height.px[i]));
        d.colour.px[i] = lerp3(d.colour.px[i], c, coverage);
    });
    d.add_to_mask(&drop);
}
