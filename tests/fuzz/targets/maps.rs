//! Anomaly maps of any program.

use std::io::{Cursor, Write as _};

use dapo_wgpu::eval::image_scores::ImageScore;
use dapo_wgpu::eval::maps::Map;
use dapo_wgpu::report::{npy_as_f32, read_npy};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::bytes::{repair_npy, repair_png, repair_zip};
use super::{Desk, Form, Target, images, plain};

pub fn targets() -> Vec<Target> {
    vec![
        Target { repair: Some(repair_npy), ..plain("npy", Form::Binary, npys, read_array) },
        Target {
            repair: Some(repair_zip),
            ..plain("npz", Form::Binary, npzs, |input, desk| map(input, desk, "npz"))
        },
        Target {
            repair: Some(repair_png),
            ..plain("map_png", Form::Binary, pngs, |input, desk| map(input, desk, "png"))
        },
        plain("map_tiff", Form::Binary, images::tiffs, |input, desk| map(input, desk, "tiff")),
    ]
}

fn map(input: &[u8], desk: &Desk, extension: &str) -> bool {
    let Ok(map) = Map::read(&desk.file(&format!("map.{extension}"), input)) else { return false };
    assert!(map.values.iter().all(|value| value.is_finite()));
    assert_eq!(map.values.len(), map.channels * map.height * map.width);
    let small = map.resized(8);
    let _ = (ImageScore::Max.of(&small.anomaly()), ImageScore::Top(3).of(&small.anomaly()));
    true
}

fn read_array(input: &[u8], desk: &Desk) -> bool {
    let valid = map(input, desk, "npy");
    let _ = npy_as_f32(input);
    let _ = read_npy(desk.path().join("map.npy"));
    valid
}

fn npy(version: u8, descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = (header.len() as u32).to_le_bytes();
    let width = if version == 1 { 2 } else { 4 };
    [b"\x93NUMPY", &[version, 0][..], &length[..width], header.as_bytes(), data].concat()
}

fn npys() -> Vec<Vec<u8>> {
    let floats: Vec<u8> = (0..12).flat_map(|n| (n as f32 / 12.0).to_le_bytes()).collect();
    let doubles: Vec<u8> = (0..12).flat_map(|n| (f64::from(n) / 12.0).to_le_bytes()).collect();
    vec![
        npy(1, "<f4", "3, 4", &floats),
        npy(2, "<f8", "1, 3, 4", &doubles),
        npy(3, "|u1", "2, 2, 3", &floats[..12]),
        npy(1, "<f2", "3, 4", &floats[..24]),
        npy(1, "<i8", "12,", &doubles),
        npy(1, "<f4", "", &floats[..4]),
    ]
}

fn npzs() -> Vec<Vec<u8>> {
    let archive = |method: CompressionMethod| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (number, array) in npys().iter().take(2).enumerate() {
            let options = SimpleFileOptions::default().compression_method(method);
            zip.start_file(format!("arr_{number}.npy"), options).expect("an entry");
            zip.write_all(array).expect("memory");
        }
        zip.finish().expect("an archive").into_inner()
    };
    vec![archive(CompressionMethod::Stored), archive(CompressionMethod::Deflated)]
}

fn pngs() -> Vec<Vec<u8>> {
    vec![images::png(9, 7, 8, 0, &[]), images::png(9, 7, 16, 0, &[]), images::png(9, 7, 8, 2, &[])]
}
