//! Data sets on disk: MVTec-AD folders for people and evaluation, flat arrays for training.

use super::defect::Defect;
use super::error::SynthError;
use super::options::{Summary, SynthOptions};
use super::render::{SampleSpec, draw};
use super::rng::{SeededRng, mix, mix_text};
use super::staging::{Staging, create};
use crate::files::faults::before_write;

use rayon::prelude::*;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

fn save<P>(image: &image::ImageBuffer<P, Vec<u8>>, path: &Path) -> Result<(), SynthError>
where
    P: image::PixelWithColorType<Subpixel = u8>,
{
    let full = |source| SynthError::Write { path: path.to_owned(), source };
    before_write().map_err(full)?;
    image.save(path).map_err(|source| SynthError::Image { path: path.to_owned(), source })
}

/// Writes a data set in the MVTec-AD layout under `out`:
/// `<object>/{train/good, test/good, test/<defect>}/000.png` and `<object>/ground_truth/<defect>/000_mask.png`.
/// Spaces in object names become underscores. `progress(done, total)` is called after every image, from any thread.
///
/// # Errors
/// Unknown names, a size out of range, a non-empty `out` without `overwrite`, and failures to write. Nothing is left
/// behind then: files are written beside `out` first and renamed at the end.
pub fn write_mvtec(
    out: &Path,
    options: &SynthOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Summary, SynthError> {
    let choice = options.choice(false)?;
    let photos = options.photos()?;
    let staging = Staging::open(out, options.overwrite)?;
    let mut jobs = Vec::new();
    for (kind, fits) in &choice {
        let root = staging.work.join(kind.name.replace(' ', "_"));
        let mut plan = vec![
            ("train/good", "mvtec train", None, options.train_good),
            ("test/good", "mvtec test", None, options.test_good),
        ];
        plan.extend(fits.iter().map(|d| ("test", "mvtec test", Some(*d), options.per_defect)));
        for (folder, tag, defect, count) in plan {
            let images = root.join(folder).join(defect.map_or("", Defect::name));
            let masks = root.join("ground_truth").join(defect.map_or("", Defect::name));
            if count > 0 {
                create(&images)?;
                if defect.is_some() {
                    create(&masks)?;
                }
            }
            // The purpose is part of the key, so that no training image can come up again in a test set.
            let key = mix_text(mix(0, options.seed), tag);
            jobs.extend(
                (0..count).map(|n| (*kind, defect, mix(key, n as u64), images.clone(), masks.clone(), n)),
            );
        }
    }
    let product = options.one_product.then(|| mix_text(mix(0, options.seed), "product"));
    let done = AtomicUsize::new(0);
    jobs.par_iter().try_for_each(|(object, defect, seed, images, masks, n)| {
        let spec = SampleSpec { object, defect: *defect, size: options.size, seed: *seed, product };
        let (sample, _) = draw(&spec, photos.as_ref(), false);
        save(&sample.image, &images.join(format!("{n:03}.png")))?;
        if defect.is_some() {
            save(&sample.mask, &masks.join(format!("{n:03}_mask.png")))?;
        }
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
        Ok(())
    })?;
    let defective = jobs.iter().filter(|j| j.1.is_some()).count();
    staging.commit()?;
    Ok(Summary { good: jobs.len() - defective, defective, objects: choice.len() })
}

/// Images rendered between two writes of [`write_shards`]: bounds its memory.
const CHUNK: usize = 512;

/// Writes a training set of `n` images under `out`: `images.npy` (uint8, `[n, size, size, 3]`), `masks.npy` (uint8,
/// `[n, size, size]`, 0 or 255) and `labels.csv` (`index,object,defect`; `good` if there is none); with
/// [`SynthOptions::references`] also `references.npy`, another good image of each one's product.
///
/// Objects are equally likely; a share of `good_fraction` has no defect; among the defects that an object can have, those
/// that few objects share are drawn more often, so that all kinds become about equally frequent.
///
/// # Errors
/// As [`write_mvtec`]; and [`SynthError::GoodFraction`].
pub fn write_shards(
    out: &Path,
    n: usize,
    options: &SynthOptions,
    good_fraction: f64,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Summary, SynthError> {
    if !(0.0..=1.0).contains(&good_fraction) {
        return Err(SynthError::GoodFraction { value: good_fraction });
    }
    let choice = options.choice(good_fraction < 1.0)?;
    let photos = options.photos()?;
    let common = |d: &Defect| choice.iter().filter(|(_, fits)| fits.contains(d)).count() as f32;
    let weights: Vec<Vec<f32>> =
        choice.iter().map(|(_, fits)| fits.iter().map(|d| 1.0 / common(d)).collect()).collect();
    let key = mix_text(mix(0, options.seed), "shards");
    let spec = |index: usize| {
        let seed = mix(key, index as u64);
        let mut rng = SeededRng::new(seed, "label");
        let good = f64::from(rng.unit()) < good_fraction;
        let k = rng.int(0, choice.len() - 1);
        let (object, fits) = (choice[k].0, &choice[k].1);
        let defect = (!good).then(|| fits[rng.weighted(&weights[k])]);
        SampleSpec { object, defect, size: options.size, seed, product: None }
    };
    let staging = Staging::open(out, options.overwrite)?;
    let size = options.size;
    let file = |name: &str| {
        let path = staging.work.join(name);
        let open = fs::File::create(&path).map(|f| BufWriter::with_capacity(1 << 20, f));
        open.map(|f| (f, path.clone())).map_err(|source| SynthError::Write { path, source })
    };
    let (mut images, images_path) = file("images.npy")?;
    let (mut masks, masks_path) = file("masks.npy")?;
    let (mut labels, labels_path) = file("labels.csv")?;
    let mut references = options.references.then(|| file("references.npy")).transpose()?;
    let write_error = |path: &Path| {
        let path = path.to_owned();
        move |source| SynthError::Write { path, source }
    };
    images.write_all(&npy_header(&[n, size, size, 3])).map_err(write_error(&images_path))?;
    masks.write_all(&npy_header(&[n, size, size])).map_err(write_error(&masks_path))?;
    labels.write_all(b"index,object,defect\n").map_err(write_error(&labels_path))?;
    if let Some((writer, path)) = &mut references {
        writer.write_all(&npy_header(&[n, size, size, 3])).map_err(write_error(path))?;
    }
    let mut defective = 0;
    let done = AtomicUsize::new(0);
    for first in (0..n).step_by(CHUNK) {
        let chunk: Vec<_> = (first..n.min(first + CHUNK))
            .into_par_iter()
            .map(|index| {
                let spec = spec(index);
                let drawn = draw(&spec, photos.as_ref(), options.references);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, n);
                (index, spec, drawn)
            })
            .collect();
        for (index, spec, (sample, reference)) in chunk {
            if let (Some((writer, path)), Some(image)) = (&mut references, reference) {
                writer.write_all(image.as_raw()).map_err(write_error(path))?;
            }
            images.write_all(sample.image.as_raw()).map_err(write_error(&images_path))?;
            masks.write_all(sample.mask.as_raw()).map_err(write_error(&masks_path))?;
            let defect = spec.defect.map_or("good", Defect::name);
            writeln!(labels, "{index},{},{defect}", spec.object.name).map_err(write_error(&labels_path))?;
            defective += usize::from(spec.defect.is_some());
        }
    }
    let always = [(images, images_path), (masks, masks_path), (labels, labels_path)];
    for (mut writer, path) in always.into_iter().chain(references) {
        writer.flush().map_err(write_error(&path))?;
    }
    staging.commit()?;
    Ok(Summary { good: n - defective, defective, objects: choice.len() })
}

/// Header of a NumPy array file, version 1.0: magic, length, a Python literal padded to a multiple of 64 bytes.
fn npy_header(shape: &[usize]) -> Vec<u8> {
    let dims: String = shape.iter().map(|d| format!("{d}, ")).collect();
    let mut text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({dims}), }}");
    let padded = (10 + text.len() + 1).next_multiple_of(64);
    text.push_str(&" ".repeat(padded - 10 - text.len() - 1));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::super::canvas::SIZE_RANGE;
    use super::*;

    fn quiet(_: usize, _: usize) {}

    fn small() -> SynthOptions {
        SynthOptions {
            size: 64,
            objects: vec!["metal plate".into(), "pill".into()],
            defects: vec!["hole".into(), "scratch".into()],
            train_good: 2,
            test_good: 1,
            per_defect: 1,
            ..SynthOptions::default()
        }
    }

    #[test]
    fn mvtec_folders_are_complete_and_guarded() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("set");
        let summary = write_mvtec(&out, &small(), &quiet).expect("writes");
        assert_eq!(summary, Summary { good: 6, defective: 4, objects: 2 });
        for file in [
            "metal_plate/train/good/001.png",
            "metal_plate/test/good/000.png",
            "pill/test/scratch/000.png",
            "pill/ground_truth/scratch/000_mask.png",
        ] {
            assert!(out.join(file).is_file(), "{file}");
        }
        assert_ne!(
            fs::read(out.join("pill/train/good/000.png")).expect("train"),
            fs::read(out.join("pill/test/good/000.png")).expect("test"),
        );
        let again = write_mvtec(&out, &small(), &quiet);
        assert!(matches!(again, Err(SynthError::NotEmpty { .. })));
        write_mvtec(&out, &SynthOptions { overwrite: true, ..small() }, &quiet).expect("replaces");
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 1, "no temporary folder stays");
    }

    #[test]
    fn mvtec_folders_are_read_as_a_data_set() {
        use crate::data::MaskRule;
        use crate::data::samples::{Split, read};
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("set");
        let options = SynthOptions {
            objects: vec!["metal plate".into()],
            defects: vec!["hole".into()],
            train_good: 1,
            per_defect: 2,
            ..small()
        };
        write_mvtec(&out, &options, &quiet).expect("writes");
        let samples = read(&out, None, Split::Test).expect("reads");
        assert_eq!(samples.iter().filter(|s| s.defect.as_deref() == Some("hole")).count(), 2);
        assert_eq!((samples.len(), &*samples[0].product), (3, "metal_plate"));
        let mask = samples[1].mask.as_ref().expect("a mask");
        let mask = mask.load(64, MaskRule::Full).expect("reads");
        assert!(mask.contains(&1.0) && mask.contains(&0.0));
    }

    #[test]
    fn shards_have_the_stated_shape_for_any_number_of_threads() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, threads: usize| {
            let out = dir.path().join(name);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
            let summary = pool.install(|| write_shards(&out, 12, &small(), 0.35, &quiet)).expect("writes");
            assert_eq!(summary.good + summary.defective, 12);
            ["images.npy", "masks.npy", "labels.csv"].map(|f| fs::read(out.join(f)).expect("reads"))
        };
        let one = write("one", 1);
        assert!(one == write("three", 3));
        assert_eq!(one[0].len(), 128 + 12 * 64 * 64 * 3);
        assert_eq!(one[1].len(), 128 + 12 * 64 * 64);
        assert!(String::from_utf8_lossy(&one[0][..128]).contains("'shape': (12, 64, 64, 3, )"));
        assert_eq!(String::from_utf8_lossy(&one[2]).lines().count(), 13);
    }

    #[test]
    fn references_stand_beside_the_images() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let out = dir.path().join("pairs");
        let options = SynthOptions { references: true, ..small() };
        write_shards(&out, 5, &options, 0.5, &quiet).expect("writes");
        let [images, references] =
            ["images.npy", "references.npy"].map(|f| fs::read(out.join(f)).expect("reads"));
        assert_eq!(images.len(), references.len());
        assert_eq!(images[..128], references[..128], "the same shape");
        assert!(images[128..] != references[128..]);
    }

    #[test]
    fn each_wrong_option_has_its_error() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let fail = |options: SynthOptions, good: f64| {
            write_shards(&dir.path().join("x"), 1, &options, good, &quiet).expect_err("must fail")
        };
        let named = |objects: &str, defects: &str| SynthOptions {
            objects: vec![objects.into()],
            defects: vec![defects.into()],
            ..small()
        };
        let error = fail(named("spoon", "hole"), 0.5);
        assert!(error.to_string().contains("'spoon'") && error.to_string().contains("hazelnut"));
        let error = fail(named("pill", "hiccup"), 0.5);
        assert!(error.to_string().contains("'hiccup'") && error.to_string().contains(Defect::Glue.name()));
        assert!(matches!(fail(named("carpet", "broken"), 0.5), SynthError::NothingPossible { .. }));
        assert!(matches!(fail(small(), 1.5), SynthError::GoodFraction { .. }));
        let size = SIZE_RANGE.end() + 1;
        assert!(matches!(fail(SynthOptions { size, ..small() }, 0.5), SynthError::Size { .. }));
        assert!(!dir.path().join("x").exists());
    }
}
