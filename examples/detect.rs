//! Finds, names and locates the defects in one photo with the embedded model:
//!
//! `cargo run --release --example detect -- PHOTO OBJECT DEFECT[,DEFECT…]`

use std::error::Error;

use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
use dapo_wgpu::dapo::{Detector, Prompts};
use dapo_wgpu::gpu::{Gpu, GpuOptions};
use dapo_wgpu::inspect::Inspector;
use dapo_wgpu::inspect::picture::Findings;

/// The lines that the example prints: score and type, then each box.
pub fn detect(photo: &str, object: &str, defects: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let gpu = Gpu::open(&GpuOptions::default())?;
    let clip = Clip::open(&gpu, &embedded::unpack()?, ClipOptions::default())?;
    let prompts = Prompts::new(Some(object), defects)?;
    let inspector = Inspector::new(Detector::new(clip, &prompts)?);
    let (photo, detection) = inspector.inspect_file(photo)?;
    let findings = Findings::new(&photo, &detection, &prompts.defects, 0.5.into())?;
    let kind = &prompts.defects[detection.defect];
    let mut lines = vec![format!("score {:.3}, most likely defect: {kind}", detection.score)];
    lines.extend(findings.boxes.iter().map(|b| {
        format!(
            "{} at {},{}, {}x{} px, probability {:.2}",
            b.defect_type, b.x, b.y, b.width, b.height, b.score
        )
    }));
    Ok(lines)
}

#[allow(dead_code)] // a test calls `detect` alone
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (photo, object, defects) = match args[..] {
        [photo, object, defects] => (photo, object, defects.split(',').collect()),
        _ => ("docs/samples/bottle_broken.png", "bottle", vec!["broken", "contamination", "scratch"]),
    };
    detect(photo, object, &defects)?.iter().for_each(|line| println!("{line}"));
    Ok(())
}
