use super::*;
use crate::data::ReadInfo;
use crate::gpu::GpuError;
use crate::ops::OpError;
use ::image::RgbImage;

/// Photo number n has n % 3 tiles, each input as gray as its number; every fifth file is bad.
fn photos(count: u8) -> impl Iterator<Item = ReadPhoto<u8>> {
    (0..count).map(|n| {
        let tile = Tile { x: 0, y: 0, width: 1, height: 1 };
        let photo = Photo {
            original_size: (1, 1),
            info: ReadInfo::plain((1, 1)),
            picture: None,
            inputs: (0..=n % 3).map(|i| RgbImage::from_pixel(1, 1, [10 * n + i, 0, 0].into())).collect(),
            tiles: vec![tile; usize::from(n % 3)],
        };
        let bad = ImageError::NotFound { path: "x".into() };
        ReadPhoto { job: n, photo: if n % 5 == 4 { Err(bad) } else { Ok(photo) } }
    })
}

fn identity() -> Preprocess {
    Preprocess { mean: [0.0; 3], std: [1.0 / 255.0; 3], ..Preprocess::clip(1) }
}

fn join(whole: Vec<f32>, _: (u32, u32), tiles: Vec<(Tile, Vec<f32>)>) -> Vec<f32> {
    whole.into_iter().chain(tiles.into_iter().flat_map(|(_, tile)| tile)).collect()
}

#[test]
fn every_input_gets_its_own_result_in_order() {
    for (batch, padded) in [(1, false), (4, false), (4, true), (7, true), (100, false)] {
        let mut sizes = Vec::new();
        let model = |pixels: &[f32], jobs: &[&u8]| {
            sizes.push((pixels.len() / 3, jobs.len()));
            Ok(pixels.chunks(3).map(|p| vec![p[0].round()]).collect())
        };
        let batches = Batches::new(photos(20), identity(), batch, model, join);
        let batches = if padded { batches.padded() } else { batches };
        let all: Vec<_> = batches.map(|done| done.unwrap()).collect();
        assert_eq!(all.iter().map(|done| done.job).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
        for Inspected { job: n, outcome } in all {
            match outcome {
                Ok((photo, found)) => {
                    assert!(photo.inputs.is_empty());
                    let expected: Vec<f32> = (0..=n % 3).map(|i| f32::from(10 * n + i)).collect();
                    assert_eq!(found, expected);
                }
                Err(error) => assert!(n % 5 == 4, "{error}"),
            }
        }
        let last = sizes.pop().unwrap();
        assert!(sizes.iter().all(|&size| size == (batch, batch)));
        assert_eq!(last.0, if padded { batch } else { last.1 });
    }
}

#[test]
fn a_stop_begins_no_batch_and_loses_no_result() {
    let stop = AtomicBool::new(false);
    let model = |pixels: &[f32], _: &[&u8]| {
        stop.store(true, Ordering::Relaxed);
        Ok(pixels.chunks(3).map(|p| vec![p[0]]).collect())
    };
    let batches = Batches::new(photos(20), identity(), 4, model, join).until(&stop);
    // Inputs 0, 10, 11, 20: the third photo has two more.
    assert_eq!(batches.map(|done| done.unwrap().job).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_model_that_leaves_an_image_out_is_an_error() {
    let short = |pixels: &[f32], _: &[&u8]| Ok(pixels.chunks(3).skip(1).map(|p| vec![p[0]]).collect());
    let mut batches = Batches::new(photos(3), identity(), 2, short, join);
    let error = batches.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the model returned 1 result for 2 images");
}

#[test]
fn a_batch_whose_device_was_lost_is_repeated() {
    let lost = || -> DapoError { OpError::from(GpuError::Lost { reason: "test".into() }).into() };
    let run = |losses: usize, most: usize| {
        let (mut calls, mut renewed) = (0, 0);
        let model = |pixels: &[f32], _: &[&u8]| {
            calls += 1;
            if (2..2 + losses).contains(&calls) { Err(lost()) } else { Ok(vec![vec![pixels[0]]; 4]) }
        };
        let renew = |error: &DapoError| {
            assert!(error.device_lost());
            renewed += 1;
            if renewed > most { Err(lost()) } else { Ok(()) }
        };
        let batches = Batches::new(photos(8), identity(), 4, model, join).renewing(renew);
        let results: Result<Vec<_>, DapoError> = batches.collect();
        results.map(|all| all.into_iter().filter_map(|one| Some(one.outcome.ok()?.1)).collect::<Vec<_>>())
    };
    let whole = run(0, 0).unwrap();
    assert_eq!(run(2, 3).unwrap(), whole);
    assert!(run(4, 3).unwrap_err().device_lost());
}

#[test]
fn a_failure_of_the_device_comes_out() {
    let fail = |_: &[f32], _: &[&u8]| -> Result<Vec<Vec<f32>>, DapoError> {
        Err(crate::clip::ClipError::Request("no".into()).into())
    };
    let mut batches = Batches::new(photos(3), identity(), 2, fail, join);
    assert!(matches!(batches.next(), Some(Err(_))));
}
