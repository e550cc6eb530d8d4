//! A clean scene: an object's surface with all that is normal on it, in front of a background.

use super::canvas::{Canvas, Plane, UNITS, lerp3, luma, scale3, smoothstep};
use super::catalogue::{Appearance, ObjectKind, SURFACE};
use super::noise::{fractal, noise};
use super::photos::{Photos, clad};
use super::rng::SeededRng;
use super::textures::near_gray;
use super::wear;

/// Share of surfaces that are parts of photos, where photos of the material are given.
const PHOTO_SURFACES: f32 = 0.6;
/// Share of objects, and of backgrounds of objects, that are.
const PHOTO_OBJECTS: f32 = 0.35;
/// Share of scenes whose defects may show another material.
const FOREIGN: f32 = 0.5;

/// A scene before the camera.
#[derive(Clone)]
pub(super) struct Scene {
    /// What the camera sees: object over background.
    pub colour: Canvas,
    /// What it would see without the object.
    pub background: Canvas,
    /// Coverage of the object, 0–1.
    pub object: Plane,
    /// Direction of the surface's grain in radians, if it has one.
    pub grain: Option<f32>,
    /// Brightness of another material's photo, mean 1, for defects under which another material shows.
    pub foreign: Option<Plane>,
}

impl Scene {
    /// A clean scene of `kind`, `size` pixels a side. `look` decides what the product is like, `chance` what differs
    /// between photos of it: wear, edges, the place on a photo of the material.
    pub fn draw(
        kind: &ObjectKind,
        size: usize,
        photos: Option<&Photos>,
        look: &mut SeededRng,
        chance: &mut SeededRng,
    ) -> Scene {
        let mut scene = Self::of(kind, size, photos, look, chance);
        if let Some(photos) = photos.filter(|_| chance.chance(FOREIGN)) {
            let mut place = SeededRng::new(chance.bits(), "foreign");
            scene.foreign = Some(evened(&photos.any(size, chance, &mut place)));
        }
        scene
    }

    fn of(
        kind: &ObjectKind,
        size: usize,
        photos: Option<&Photos>,
        look: &mut SeededRng,
        chance: &mut SeededRng,
    ) -> Scene {
        match kind.appearance {
            Appearance::Texture(surface) => {
                let photo = photos.and_then(|photos| match kind.name {
                    name if name == SURFACE.name => Some(photos.any(size, look, chance)),
                    _ if look.chance(PHOTO_SURFACES) => photos.surface(kind, size, look, chance),
                    _ => None,
                });
                // Which way the grain of a photo runs is not known.
                let grain = kind.grain && photo.is_none();
                let zoomed = photo.is_none() && look.chance(0.4);
                let mut colour = photo.unwrap_or_else(|| surface(size, look));
                if look.chance(0.12) {
                    wear::seams(&mut colour, look);
                }
                wear::apply(&mut colour, kind, chance);
                let mut scene = Scene {
                    colour,
                    background: backing(size, look),
                    object: Plane::filled(size, 1.0),
                    grain: grain.then_some(std::f32::consts::FRAC_PI_2),
                    foreign: None,
                };
                if look.chance(kind.framed) {
                    scene.show_edges(chance);
                }
                if zoomed {
                    scene.turn_and_zoom(grain, look);
                }
                scene
            }
            Appearance::Object(draw) => {
                let (mut colour, object) = draw(size, look);
                if let Some(photos) = photos.filter(|_| look.chance(PHOTO_OBJECTS)) {
                    clad(&mut colour, &object, &photos.any(size, look, chance));
                }
                if chance.chance(0.3) {
                    let smudge = fractal(size, chance.range(10.0, 30.0), 3, 0.6, chance);
                    let k = chance.range(0.02, 0.08);
                    colour.modulate(&smudge, |t| 1.0 + k * t);
                }
                let background = match photos.filter(|_| look.chance(PHOTO_OBJECTS)) {
                    Some(photos) => photos.any(size, look, chance),
                    None => plain_background(size, look),
                };
                let mut scene = Scene { colour, background, object, grain: None, foreign: None };
                scene.cast_shadow(look);
                scene.compose();
                scene
            }
        }
    }

    /// Puts the object's colours over the background.
    fn compose(&mut self) {
        for ((c, g), k) in self.colour.px.iter_mut().zip(&self.background.px).zip(&self.object.px) {
            *c = lerp3(*g, *c, *k);
        }
    }

    /// A soft contact shadow on the background beside the object.
    fn cast_shadow(&mut self, rng: &mut SeededRng) {
        if rng.chance(0.35) {
            return;
        }
        let (k, sigma) = (rng.range(0.1, 0.6), rng.range(2.0, 6.0));
        let shadow = self.object.clone().blurred(sigma);
        let (dx, dy) = (rng.range(-5.0, 5.0), rng.range(-5.0, 5.0));
        let size = shadow.size;
        let moved = Plane::from_fn(size, |x, y| shadow.at(x - dx, y - dy));
        self.background.modulate(&moved, |t| 1.0 - k * t);
    }

    /// Lets the plate end within the picture on one to four sides, with a background, a rim light or a chamfer.
    fn show_edges(&mut self, rng: &mut SeededRng) {
        let size = self.colour.size;
        let mut inset = [-20.0f32; 4];
        // Opposite edges of a part are often seen together, so sides come in pairs half of the time.
        let first = rng.int(0, 3);
        let count = rng.weighted(&[0.0, 3.0, 4.0, 1.0, 1.0]);
        for k in 0..count {
            let side = if k < 2 { first ^ k } else { (first ^ 2) ^ (k - 2) };
            inset[side] = rng.log_range(1.0, 13.0);
        }
        let bow = [0; 4].map(|_| if rng.chance(0.5) { rng.range(-4.0, 4.0) } else { 0.0 });
        let tilt = [0; 4].map(|_| rng.range(-0.03, 0.03));
        let round = if rng.chance(0.4) { rng.range(2.0, 10.0) } else { 0.5 };
        let (rim, rim_width) = (rng.range(-0.45, 0.8) * f32::from(rng.chance(0.6)), rng.range(1.0, 4.0));
        let ragged = noise(size, 2.0, 2.0, rng);
        let fringe = if rng.chance(0.3) { rng.range(0.1, 0.5) } else { 0.0 };
        let scale = size as f32 / UNITS;
        let mut depth = Plane::from_fn(size, |x, y| {
            let (u, v) = (x / 64.0 - 1.0, y / 64.0 - 1.0);
            let side =
                |k: usize, along: f32, t: f32| inset[k] + bow[k] * (1.0 - t * t) + tilt[k] * 64.0 * t - along;
            let dx = side(0, x, v).max(side(1, UNITS - x, v));
            let dy = side(2, y, u).max(side(3, UNITS - y, u));
            let (qx, qy) = (dx + round, dy + round);
            qx.max(0.0).hypot(qy.max(0.0)) + qx.max(qy).min(0.0) - round
        });
        depth = depth.add(&ragged, fringe);
        for (i, d) in depth.px.iter().enumerate() {
            let lit = rim * smoothstep(-rim_width, -0.3, *d);
            self.colour.px[i] = scale3(self.colour.px[i], 1.0 + lit);
            self.object.px[i] = (0.5 - d * scale).clamp(0.0, 1.0);
        }
        self.compose();
    }

    /// Views the surface from closer and rotated: strongly for plain textures, slightly where the grain has a direction.
    fn turn_and_zoom(&mut self, grain: bool, rng: &mut SeededRng) {
        let angle = if grain && rng.chance(0.8) { rng.range(-0.12, 0.12) } else { rng.range(-0.5, 0.5) };
        // Just near enough to keep the turned frame inside the surface.
        let fit = angle.cos().abs() + angle.sin().abs();
        let zoom = fit * rng.range(1.0, 1.35);
        let (sin, cos) = (angle.sin() / zoom, angle.cos() / zoom);
        let room = 64.0 * (1.0 - fit / zoom);
        let (cx, cy) = (64.0 + rng.range(-room, room), 64.0 + rng.range(-room, room));
        let size = self.colour.size;
        let step = UNITS / size as f32;
        let whole = self.object.px.iter().all(|v| *v >= 1.0);
        let (colour, object) = (self.colour.clone(), self.object.clone());
        for i in 0..size * size {
            let (dx, dy) = (((i % size) as f32 + 0.5) * step - 64.0, ((i / size) as f32 + 0.5) * step - 64.0);
            let (x, y) = (cx + dx * cos + dy * sin, cy + dy * cos - dx * sin);
            self.colour.px[i] = colour.sample(x, y);
            if !whole {
                self.object.px[i] = object.at(x, y);
            }
        }
        if let Some(g) = &mut self.grain {
            *g += angle;
        }
    }
}

/// Brightness relative to its mean.
fn evened(photo: &Canvas) -> Plane {
    let px: Vec<f32> = photo.px.iter().map(|c| luma(*c)).collect();
    let mean = px.iter().sum::<f32>() / px.len() as f32;
    Plane { size: photo.size, px }.map(|v| v / mean.max(0.02))
}

/// What shows through or beside a flat material: mostly dark and soft, sometimes light.
fn backing(size: usize, rng: &mut SeededRng) -> Canvas {
    let base =
        if rng.chance(0.75) { near_gray(0.01, 0.16, 0.1, rng) } else { near_gray(0.5, 1.0, 0.04, rng) };
    Canvas::shaded(base, &noise(size, 3.0, 3.0, rng), 0.06)
}

/// A plain table, cloth or light box under an object.
fn plain_background(size: usize, rng: &mut SeededRng) -> Canvas {
    let base = match rng.int(0, 5) {
        0 => near_gray(0.01, 0.12, 0.1, rng),
        1 => near_gray(0.85, 1.0, 0.03, rng),
        2 => [rng.range(0.1, 0.9), rng.range(0.1, 0.9), rng.range(0.1, 0.9)],
        _ => near_gray(0.15, 0.8, 0.06, rng),
    };
    let cell = rng.log_range(0.8, 4.0);
    let grain = noise(size, cell, cell, rng);
    let cloud = noise(size, 50.0, 50.0, rng);
    let texture = grain.add(&cloud, 1.0);
    Canvas::shaded(base, &texture, rng.range(0.005, 0.06))
}
