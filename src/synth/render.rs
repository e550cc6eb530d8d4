//! One image: a scene, at most one defect, and the camera that photographs it.

use image::{GrayImage, RgbImage};

use super::camera::Camera;
use super::canvas::{Canvas, SIZE_RANGE, luma};
use super::catalogue::ObjectKind;
use super::defect::Defect;
use super::defects;
use super::photos::Photos;
use super::rng::{SeededRng, mix, mix_text};
use super::scene::Scene;

/// A defect covers at least this many pixels at 128×128 (and the same share of the image at other sizes).
pub const MIN_MASK_AT_128: usize = 12;

/// Mean change of brightness or colour inside the mask that counts as visible, on the 0–1 scale, before noise.
const VISIBLE: f32 = 0.035;

/// The specification of an image, which determines its pixels.
#[derive(Clone, Copy)]
pub struct SampleSpec {
    /// The object; see [`OBJECTS`](super::OBJECTS) and [`ObjectKind::find`].
    pub object: &'static ObjectKind,
    /// The defect, or none for a good image. One that is not among [`ObjectKind::defects`] is drawn, too.
    pub defect: Option<Defect>,
    /// Side in pixels, within [`SIZE_RANGE`] (other values are clamped).
    pub size: usize,
    /// Any number; different seeds give unrelated images.
    pub seed: u64,
    /// Images of one product look alike: material, colours, shape, light and camera are the same. `None`: each image is of a
    /// product of its own.
    pub product: Option<u64>,
}

/// An image and the mask of its defect.
pub struct Sample {
    /// The picture, `size × size`, grayscale cameras as three equal channels.
    pub image: RgbImage,
    /// 255 on the defect, 0 elsewhere; all 0 on a good image.
    pub mask: GrayImage,
}

/// Draws the image of `spec`.
///
/// A defect is accepted only if its mask covers [`MIN_MASK_AT_128`] pixels (scaled to the size), lies on the object and
/// visibly changes the picture, as exposed by the drawn camera and measured against the surface's own roughness and the
/// sensor's noise. Otherwise it is drawn again, stronger each time, and after some tries on a fresh scene.
pub fn render(spec: &SampleSpec) -> Sample {
    draw(spec, None, false).0
}

/// As [`render`], with surfaces of photos; and on request another good image of the same product: the same look, other
/// noise, wear and place on a photo.
pub(super) fn draw(spec: &SampleSpec, photos: Option<&Photos>, paired: bool) -> (Sample, Option<RgbImage>) {
    let size = spec.size.clamp(*SIZE_RANGE.start(), *SIZE_RANGE.end());
    let key = mix_text(mix_text(spec.seed, spec.object.name), spec.defect.map_or("good", Defect::name));
    // A colour defect cannot be seen in gray, and a product has one camera.
    let coloured = match spec.product {
        Some(_) => spec.object.defects.contains(&Defect::Color),
        None => spec.defect == Some(Defect::Color),
    };
    let gray = if coloured { 0.0 } else { spec.object.gray };
    let stage = |key: u64, product: u64, instance: u64| {
        let mut look = SeededRng::of_instance(product, "look", mix(key, instance));
        let mut chance = SeededRng::new(mix(key, instance), "chance");
        let scene = Scene::draw(spec.object, size, photos, &mut look, &mut chance);
        let camera = Camera::draw(&scene.colour, gray, &mut look);
        let orientation = look.int(0, 7);
        // Tiles under a line scanner mostly have one orientation, which is kept half of the time.
        let kept = spec.object.framed > 0.5 && look.chance(0.5);
        (scene, camera, chance, if kept { orientation & 3 } else { orientation })
    };
    let none = vec![false; size * size];
    let product_of = |key: u64, attempt: u64| match spec.product {
        // A product on which the defect cannot be seen is given up at last.
        Some(product) => mix(mix_text(product, spec.object.name), attempt / 20),
        None => key,
    };
    for attempt in 0.. {
        let key = mix(key, attempt);
        let product = product_of(key, attempt);
        let (scene, camera, mut chance, orientation) = stage(key, product, 0);
        let drawn = match spec.defect {
            None => Some((scene.colour, none.clone())),
            Some(defect) => add_defect(&scene, defect, &camera, &mut chance),
        };
        let Some((colour, mask)) = drawn else { continue };
        let sample = finish(&camera.capture(&colour, &mut chance), &mask, orientation);
        let reference = paired.then(|| {
            let (scene, camera, mut chance, orientation) = stage(key, product, 1);
            finish(&camera.capture(&scene.colour, &mut chance), &none, orientation).image
        });
        return (sample, reference);
    }
    unreachable!("attempts do not end")
}

/// Tries to draw `defect` on `scene` so that it is visible to `camera`; `None` if it is not.
fn add_defect(
    scene: &Scene,
    defect: Defect,
    camera: &Camera,
    rng: &mut SeededRng,
) -> Option<(Canvas, Vec<bool>)> {
    // Most defects are plain, a tail is subtle.
    let wanted = if rng.chance(0.8) { rng.range(0.65, 1.0) } else { rng.range(0.35, 0.65) };
    (0..10).find_map(|attempt| {
        let draft = defects::draw(defect, scene, wanted * (1.0 + 0.12 * attempt as f32), rng);
        let mask: Vec<bool> = draft.mask.px.iter().map(|m| *m >= defects::MASK_LEVEL).collect();
        is_visible(scene, &draft.colour, &mask, camera).then_some((draft.colour, mask))
    })
}

/// Whether the change inside `mask` is large enough to be seen.
fn is_visible(scene: &Scene, colour: &Canvas, mask: &[bool], camera: &Camera) -> bool {
    let size = colour.size;
    let (mut count, mut change, mut rough) = (0usize, 0.0f32, 0.0f32);
    for i in (0..mask.len()).filter(|i| mask[*i]) {
        let clean = camera.expose(i, scene.colour.px[i]);
        let now = camera.expose(i, colour.px[i]);
        // A change of hue counts as much as one of brightness.
        let worst = (0..3).map(|k| (now[k] - clean[k]).abs()).fold(0.0, f32::max);
        change += 0.5 * (worst + (luma(now) - luma(clean)).abs());
        let next = if i % size + 1 < size { i + 1 } else { i - 1 };
        rough += (luma(clean) - luma(camera.expose(next, scene.colour.px[next]))).abs();
        count += 1;
    }
    let least = (MIN_MASK_AT_128 * size * size).div_ceil(128 * 128);
    let n = count.max(1) as f32;
    count >= least && change / n >= VISIBLE + 0.6 * rough / n + camera.noise_level()
}

/// Rounds to bytes and turns image and mask into one of the eight orientations of a square.
fn finish(image: &Canvas, mask: &[bool], orientation: usize) -> Sample {
    let size = image.size;
    let last = size - 1;
    let source = |x: u32, y: u32| {
        let (x, y) = (x as usize, y as usize);
        let (x, y) = if orientation & 4 != 0 { (y, x) } else { (x, y) };
        let x = if orientation & 1 != 0 { last - x } else { x };
        let y = if orientation & 2 != 0 { last - y } else { y };
        y * size + x
    };
    let side = size as u32;
    Sample {
        image: RgbImage::from_fn(side, side, |x, y| {
            image::Rgb(image.px[source(x, y)].map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8))
        }),
        mask: GrayImage::from_fn(side, side, |x, y| image::Luma([if mask[source(x, y)] { 255 } else { 0 }])),
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::OBJECTS;
    use super::*;

    fn sample(object: &str, defect: Option<Defect>, size: usize, seed: u64) -> Sample {
        let object = ObjectKind::find(object).expect("known object");
        render(&SampleSpec { object, defect, size, seed, product: None })
    }

    #[test]
    fn images_of_one_product_look_alike_and_a_reference_is_another_part() {
        let object = ObjectKind::find("pill").expect("known object");
        let of = |product, seed, defect| SampleSpec { object, defect, size: 64, seed, product };
        let mean = |image: &RgbImage| -> [f64; 3] {
            let sum = image.pixels().fold([0.0; 3], |s, p| [0, 1, 2].map(|k| s[k] + f64::from(p[k])));
            sum.map(|v| v / 4096.0)
        };
        let apart = |a: &RgbImage, b: &RgbImage| {
            mean(a).iter().zip(mean(b)).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
        };
        let one = render(&of(Some(3), 1, None)).image;
        let same = render(&of(Some(3), 2, Some(Defect::Crack)));
        assert!(one != same.image && apart(&one, &same.image) < 12.0, "{}", apart(&one, &same.image));
        assert!(same.mask.pixels().any(|p| p[0] == 255));
        let others: Vec<f64> = (4..10).map(|p| apart(&one, &render(&of(Some(p), 1, None)).image)).collect();
        assert!(others.iter().copied().fold(0.0, f64::max) > 24.0, "other products differ: {others:?}");
        let (sample, reference) = draw(&of(None, 7, Some(Defect::Hole)), None, true);
        let reference = reference.expect("asked for");
        assert!(apart(&sample.image, &reference) < 24.0 && sample.image != reference);
        assert!(draw(&of(None, 7, None), None, false).1.is_none());
    }

    #[test]
    fn every_possible_pair_gives_a_marked_image() {
        for object in OBJECTS {
            assert!(object.defects().len() >= 5, "{}", object.name);
            for defect in object.defects() {
                let s =
                    render(&SampleSpec { object, defect: Some(*defect), size: 64, seed: 1, product: None });
                let marked = s.mask.pixels().filter(|p| p[0] == 255).count();
                // A quarter of the pixels of 128×128, so a quarter of the least area there.
                assert!(marked >= MIN_MASK_AT_128 / 4, "{} {}: {marked}", object.name, defect.name());
            }
        }
    }

    #[test]
    fn good_images_have_empty_masks_and_some_contrast() {
        for object in OBJECTS {
            let s = render(&SampleSpec { object, defect: None, size: 64, seed: 2, product: None });
            assert!(s.mask.pixels().all(|p| p[0] == 0));
            let (low, high) = s.image.as_raw().iter().fold((255, 0), |(l, h), v| (l.min(*v), h.max(*v)));
            assert!(high - low > 4, "{} is blank", object.name);
        }
    }

    #[test]
    fn an_image_depends_on_its_specification_only() {
        let a = sample("magnetic tile", Some(Defect::Crack), 96, 5);
        let b = sample("magnetic_tile", Some(Defect::Crack), 96, 5);
        assert_eq!(a.image, b.image);
        assert_eq!(a.mask, b.mask);
        assert_ne!(a.image, sample("magnetic tile", Some(Defect::Crack), 96, 6).image);
        assert_ne!(a.image, sample("magnetic tile", None, 96, 5).image);
    }

    #[test]
    fn sizes_are_as_asked_and_colour_defects_are_coloured() {
        assert_eq!(sample("wood", None, 200, 3).image.dimensions(), (200, 200));
        for seed in 0..8 {
            let s = sample("concrete", Some(Defect::Color), 64, seed);
            let chroma = |p: &image::Rgb<u8>| p.0.iter().max().unwrap_or(&0) - p.0.iter().min().unwrap_or(&0);
            let marked = s.image.pixels().zip(s.mask.pixels()).filter(|(_, m)| m[0] > 0);
            assert!(marked.map(|(p, _)| chroma(p)).max() > Some(20), "seed {seed}");
        }
    }

    #[test]
    fn every_defect_occurs_on_several_objects() {
        for defect in Defect::ALL {
            let count = OBJECTS.iter().filter(|o| o.defects().contains(defect)).count();
            assert!(count >= 5, "{} on {count} objects only", defect.name());
            assert_eq!(Defect::find(defect.name()).expect("known"), *defect);
        }
    }
}
