//! How good the embedded model is: slow, so run by `make quality`.
//!
//! Generated images with seeds that training never saw must reach the figures that the README states.
//! Real photos (`DAPO_PHOTOS`: a folder in MVTec-AD layout, `DAPO_OBJECT`: what they show) are
//! measured and printed; nothing is asserted of them.

use std::path::{Path, PathBuf};

use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
use dapo_wgpu::dapo::{Detection, Detector, Prompts};
use dapo_wgpu::data::{MaskRule, Preprocess, Raster, load, load_mask};
use dapo_wgpu::gpu::{Gpu, GpuOptions};
use dapo_wgpu::metrics::{PixelCounts, auroc};
use dapo_wgpu::synth::{Defect, OBJECTS, SampleSpec, defects, render};

const SIZE: usize = 128;
const BATCH: usize = 8;

fn detector() -> Detector {
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    println!("adapter: {}", gpu.adapter().line());
    let folder = embedded::unpack().expect("a writable cache");
    let clip = Clip::open(&gpu, &folder, ClipOptions::default()).expect("the embedded model");
    Detector::new(clip, &Prompts::new(None, &["scratch"]).expect("a prompt")).expect("class vectors")
}

/// One labelled image: `defect` counts into the prompts' defects, `None` is good.
struct Labelled {
    image: Raster,
    mask: Vec<bool>,
    defect: Option<usize>,
}

/// Image and pixel scores of many images.
struct Tally {
    scores: Vec<f32>,
    defective: Vec<bool>,
    pixels: PixelCounts,
    types: (usize, usize),
}

impl Default for Tally {
    fn default() -> Self {
        let pixels = PixelCounts::new([0.0, 1.0]).expect("an interval");
        Self { scores: Vec::new(), defective: Vec::new(), pixels, types: (0, 0) }
    }
}

impl Tally {
    fn add(&mut self, labelled: &Labelled, detection: &Detection) {
        self.scores.push(detection.score);
        self.defective.push(labelled.defect.is_some());
        self.pixels.add(&detection.binary_map(), &labelled.mask, SIZE).expect("finite maps");
        if let Some(defect) = labelled.defect {
            self.types.0 += usize::from(detection.defect == defect);
            self.types.1 += 1;
        }
    }

    fn image_auroc(&self) -> f64 {
        auroc(&self.scores, &self.defective).expect("both kinds of images")
    }

    fn pixel_auroc(&self) -> f64 {
        self.pixels.figures().auroc.expect("both kinds of pixels").value
    }

    fn type_accuracy(&self) -> f64 {
        self.types.0 as f64 / self.types.1 as f64
    }
}

fn detect(detector: &Detector, images: &[Labelled]) -> Vec<Detection> {
    let preprocess = Preprocess::clip(SIZE as u32);
    let pixels = |image: &Labelled| preprocess.normalise(&preprocess.resize(&image.image));
    images
        .chunks(BATCH)
        .flat_map(|batch| {
            let pixels: Vec<f32> = batch.iter().flat_map(pixels).collect();
            detector.detect(&pixels).expect("the device works")
        })
        .collect()
}

/// Generated images of one object: `good` good ones and `each` of every defect that it can have.
fn generated(object: &'static dapo_wgpu::synth::ObjectKind, good: u64, each: u64) -> Vec<Labelled> {
    // Training's seeds are hashes of all 64 bits; these small ones are none of them but by an accident of 2⁻⁴⁰.
    let seed = |defect: u64, i: u64| 0x7e57_0000_0000 + (defect << 20) + i;
    let sample = |defect: Option<Defect>, number: u64, i: u64| {
        let sample = render(&SampleSpec { object, defect, size: SIZE, seed: seed(number, i), product: None });
        Labelled {
            image: Raster::from(sample.image),
            mask: sample.mask.as_raw().iter().map(|&m| m > 127).collect(),
            defect: defect.map(|d| defects().iter().position(|n| *n == d.name()).expect("a known defect")),
        }
    };
    let goods = (0..good).map(|i| sample(None, 0, i));
    let bads = object
        .defects()
        .iter()
        .enumerate()
        .flat_map(|(number, &defect)| (0..each).map(move |i| (number as u64 + 1, defect, i)))
        .map(|(number, defect, i)| sample(Some(defect), number, i));
    goods.chain(bads).collect()
}

#[test]
#[ignore = "minutes: run by `make quality`"]
fn held_out_generated_images() {
    let mut detector = detector();
    println!("\n{:16} {:>6} {:>8} {:>8} {:>8}", "object", "images", "image", "pixel", "type");
    let (mut named, mut generic) = (Tally::default(), Tally::default());
    let mut means = [0.0; 3];
    for object in OBJECTS {
        let images = generated(object, 24, 3);
        let mut own = Tally::default();
        detector
            .set_prompts(&Prompts::new(Some(object.name), &defects()).expect("prompts"))
            .expect("vectors");
        for (image, detection) in images.iter().zip(detect(&detector, &images)) {
            own.add(image, &detection);
            named.add(image, &detection);
        }
        detector.set_prompts(&Prompts::new(None, &defects()).expect("prompts")).expect("vectors");
        for (image, detection) in images.iter().zip(detect(&detector, &images)) {
            generic.add(image, &detection);
        }
        let row = [own.image_auroc(), own.pixel_auroc(), own.type_accuracy()];
        println!("{:16} {:6} {:8.3} {:8.3} {:8.3}", object.name, images.len(), row[0], row[1], row[2]);
        means.iter_mut().zip(row).for_each(|(m, v)| *m += v / OBJECTS.len() as f64);
    }
    println!("{:16} {:6} {:8.3} {:8.3} {:8.3}", "mean of objects", "", means[0], means[1], means[2]);
    for (name, tally) in [("all, named", &named), ("all, \"object\"", &generic)] {
        let (image, pixel, kind) = (tally.image_auroc(), tally.pixel_auroc(), tally.type_accuracy());
        println!("{name:16} {:6} {image:8.3} {pixel:8.3} {kind:8.3}", tally.scores.len());
    }
    println!(
        "(type: accuracy among {} defects on defective images; chance {:.3})",
        defects().len(),
        1.0 / defects().len() as f64
    );
    assert!(named.image_auroc() >= 0.90, "image AUROC {}", named.image_auroc());
    assert!(named.pixel_auroc() >= 0.93, "pixel AUROC {}", named.pixel_auroc());
    assert!(named.type_accuracy() >= 0.55, "type accuracy {}", named.type_accuracy());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
#[ignore = "minutes, and needs photos: run by `make quality PHOTOS=dir`"]
fn real_photos() {
    let Some(root) = std::env::var_os("DAPO_PHOTOS").filter(|v| !v.is_empty()).map(PathBuf::from) else {
        println!("DAPO_PHOTOS is not set: real photos were NOT measured");
        return;
    };
    let object = std::env::var("DAPO_OBJECT").ok().filter(|v| !v.is_empty());
    let kinds: Vec<String> = files(&root.join("test"))
        .iter()
        .filter_map(|p| p.file_name()?.to_str().map(str::to_owned))
        .filter(|n| n != "good")
        .collect();
    let names: Vec<String> = kinds.iter().map(|k| k.replace('_', " ")).collect();
    let mut detector = detector();
    detector.set_prompts(&Prompts::new(object.as_deref(), &names).expect("prompts")).expect("vectors");

    let labelled = |path: &Path, defect: Option<usize>| {
        let stem = path.file_stem().and_then(|s| s.to_str()).expect("a name");
        let mask = defect.map(|d| root.join("ground_truth").join(&kinds[d]).join(format!("{stem}_mask.png")));
        Labelled {
            image: load(path).expect("an image"),
            mask: match mask {
                Some(mask) => {
                    let mask = load_mask(&mask, SIZE as u32, MaskRule::Half).expect("a mask");
                    mask.iter().map(|&m| m > 0.0).collect()
                }
                None => vec![false; SIZE * SIZE],
            },
            defect,
        }
    };
    let folder = |kind: &str, defect| -> Vec<Labelled> {
        files(&root.join("test").join(kind)).iter().map(|p| labelled(p, defect)).collect()
    };
    let good = folder("good", None);
    let good_found = detect(&detector, &good);
    let mut all = Tally::default();
    good.iter().zip(&good_found).for_each(|(image, found)| all.add(image, found));
    println!("\n{:12} {:>6} {:>8} {:>8} {:>8}", "defect", "images", "image", "pixel", "type");
    for (number, kind) in kinds.iter().enumerate() {
        let images = folder(kind, Some(number));
        let found = detect(&detector, &images);
        let mut own = Tally::default();
        for (image, detection) in images.iter().zip(&found) {
            own.add(image, detection);
            all.add(image, detection);
        }
        let kind_accuracy = own.type_accuracy();
        good.iter().zip(&good_found).for_each(|(image, found)| own.add(image, found));
        println!(
            "{kind:12} {:6} {:8.3} {:8.3} {kind_accuracy:8.3}",
            images.len(),
            own.image_auroc(),
            own.pixel_auroc()
        );
    }
    let (image, pixel, kind) = (all.image_auroc(), all.pixel_auroc(), all.type_accuracy());
    println!("{:12} {:6} {image:8.3} {pixel:8.3} {kind:8.3}", "all", all.scores.len());
}
