//! Answers `tools/check_images.py`: resizes and decodes as the crate does, for comparison with Pillow.
//!
//! Standard input is a series of requests. `R`: channels (1..=4), filter (0 bilinear, 1 bicubic), four little-endian
//! `u32` (from width, from height, to width, to height), the pixels; the answer is the new pixels. `L`: a `u32` length and a path; the answer is three `u32` (channels, width, height)
//! and the pixels, or channels 0, the length of the error message, 0, and the message.

use std::io::{self, Read, Write};

use dapo_wgpu::data::{Filter, Mode, Raster, load, resize};

fn number(input: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut kind = [0];
    while input.read(&mut kind)? == 1 {
        if kind == *b"R" {
            let mut head = [0; 2];
            input.read_exact(&mut head)?;
            let mode = [Mode::L, Mode::La, Mode::Rgb, Mode::Rgba][usize::from(head[0]) - 1];
            let filter = [Filter::Bilinear, Filter::Bicubic][usize::from(head[1])];
            let (from_w, from_h) = (number(&mut input)?, number(&mut input)?);
            let (to_w, to_h) = (number(&mut input)?, number(&mut input)?);
            let mut data = vec![0; (from_w * from_h) as usize * mode.channels()];
            input.read_exact(&mut data)?;
            let source = Raster::new(from_w, from_h, mode, data).ok_or(io::ErrorKind::InvalidData)?;
            output.write_all(resize(&source, to_w, to_h, filter).as_bytes())?;
        } else {
            let mut path = vec![0; number(&mut input)? as usize];
            input.read_exact(&mut path)?;
            let (head, body) = match load(String::from_utf8_lossy(&path).as_ref()) {
                Ok(r) => ([r.mode().channels() as u32, r.width(), r.height()], r.as_bytes().to_vec()),
                Err(e) => ([0, e.to_string().len() as u32, 0], e.to_string().into_bytes()),
            };
            for value in head {
                output.write_all(&value.to_le_bytes())?;
            }
            output.write_all(&body)?;
        }
        output.flush()?;
    }
    Ok(())
}
