//! Photographs of materials as surfaces: what no noise has, on good and defective images alike.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::canvas::{Canvas, Plane, Rgb, lerp3, luma, scale3};
use super::catalogue::ObjectKind;
use super::error::SynthError;
use super::rng::SeededRng;

/// Shortest side of a photo that can be used, in pixels.
const LEAST_SIDE: u32 = 256;

/// Photographs of materials, in memory: one folder a material, named after it.
pub struct Photos {
    materials: Vec<Material>,
}

struct Material {
    name: String,
    photos: Vec<Photo>,
}

/// A photo, and the same halved again and again.
struct Photo {
    levels: Vec<Level>,
}

struct Level {
    width: usize,
    height: usize,
    px: Vec<[u8; 3]>,
}

/// Materials that look like an object's surface. A photo of any material is a "surface".
fn materials_of(object: &str) -> &'static [&'static str] {
    match object {
        "metal plate" | "steel strip" => &["metal"],
        "magnetic tile" => &["metal", "concrete", "plaster", "stone", "asphalt"],
        "stone tile" => &["stone", "ceramic", "marble", "granite"],
        "concrete" => &["concrete", "plaster", "asphalt"],
        "paper" => &["paper", "cardboard"],
        "plastic sheet" => &["plastic", "rubber"],
        "woven fabric" => &["fabric", "cloth"],
        "carpet" => &["carpet"],
        "leather" => &["leather"],
        "wood" => &["wood"],
        _ => &[],
    }
}

impl Photos {
    /// Reads the photos under `dir`: `dir/<material>/*`, shorter sides of at least 256 pixels.
    ///
    /// # Errors
    /// A folder without such photos, or one that cannot be read; the file is named.
    pub fn read(dir: &Path) -> Result<Self, SynthError> {
        let unreadable = |path: &Path, source| SynthError::Read { path: path.to_owned(), source };
        let list = |dir: &Path| -> Result<Vec<PathBuf>, SynthError> {
            let entries = std::fs::read_dir(dir).map_err(|source| unreadable(dir, source))?;
            let mut paths: Vec<PathBuf> = entries
                .map(|e| e.map(|e| e.path()))
                .collect::<Result<_, _>>()
                .map_err(|s| unreadable(dir, s))?;
            paths.sort();
            Ok(paths)
        };
        let mut materials = Vec::new();
        for folder in list(dir)?.into_iter().filter(|path| path.is_dir()) {
            let files: Vec<PathBuf> =
                list(&folder)?.into_iter().filter(|p| image::ImageFormat::from_path(p).is_ok()).collect();
            let photos: Vec<Option<Photo>> =
                files.par_iter().map(|p| Photo::read(p)).collect::<Result<_, _>>()?;
            let photos: Vec<Photo> = photos.into_iter().flatten().collect();
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !photos.is_empty() {
                materials.push(Material { name, photos });
            }
        }
        if materials.is_empty() {
            return Err(SynthError::NoPhotos { path: dir.to_owned() });
        }
        Ok(Photos { materials })
    }

    /// Number of photos.
    pub fn len(&self) -> usize {
        self.materials.iter().map(|m| m.photos.len()).sum()
    }

    /// Whether there are none; never, as read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Part of a photo of a material that `kind` can be made of: the photo, its scale and its colours are chosen by `look`,
    /// the place by `chance`. `None` if there is none.
    pub(super) fn surface(
        &self,
        kind: &ObjectKind,
        size: usize,
        look: &mut SeededRng,
        chance: &mut SeededRng,
    ) -> Option<Canvas> {
        let fits =
            |material: &&Material| materials_of(kind.name).iter().any(|name| material.name.starts_with(name));
        let photos: Vec<&Photo> = self.materials.iter().filter(fits).flat_map(|m| &m.photos).collect();
        (!photos.is_empty()).then(|| look.pick(&photos).part(size, look, chance))
    }

    /// Part of a photo of any material.
    pub(super) fn any(&self, size: usize, look: &mut SeededRng, chance: &mut SeededRng) -> Canvas {
        let material = &self.materials[look.int(0, self.materials.len() - 1)];
        material.photos[look.int(0, material.photos.len() - 1)].part(size, look, chance)
    }
}

impl Photo {
    /// `None` for one that is too small.
    fn read(path: &Path) -> Result<Option<Self>, SynthError> {
        let image = image::open(path)
            .map_err(|source| SynthError::Photo { path: path.to_owned(), source })?
            .into_rgb8();
        if image.width().min(image.height()) < LEAST_SIDE {
            return Ok(None);
        }
        let px = image.pixels().map(|p| p.0).collect();
        let mut levels = vec![Level { width: image.width() as usize, height: image.height() as usize, px }];
        while let Some(half) = levels.last().filter(|l| l.width.min(l.height) >= 128).map(Level::halved) {
            levels.push(half);
        }
        Ok(Some(Photo { levels }))
    }

    fn part(&self, size: usize, look: &mut SeededRng, chance: &mut SeededRng) -> Canvas {
        let whole = &self.levels[0];
        let (width, height) = (whole.width as f32, whole.height as f32);
        // Pixels of the photo along the image's edge: from a close look to most of the photo.
        let span = look.log_range(96.0, 0.8 * width.min(height));
        let angle = look.range(-0.12, 0.12);
        let (sin, cos) = angle.sin_cos();
        let reach = 0.5 * span * (cos.abs() + sin.abs());
        let middle = |extent: f32, rng: &mut SeededRng| match extent - 2.0 * reach {
            room if room > 0.0 => reach + room * rng.unit(),
            _ => 0.5 * extent,
        };
        let (cx, cy) = (middle(width, chance), middle(height, chance));
        let step = span / size as f32;
        let level = (step.log2().floor().max(0.0) as usize).min(self.levels.len() - 1);
        let (level, scale) = (&self.levels[level], 1.0 / (1 << level) as f32);
        let mut canvas = Canvas::filled(size, [0.0; 3]);
        for (i, c) in canvas.px.iter_mut().enumerate() {
            let u = ((i % size) as f32 + 0.5 - 0.5 * size as f32) * step;
            let v = ((i / size) as f32 + 0.5 - 0.5 * size as f32) * step;
            *c = level.sample((cx + u * cos - v * sin) * scale, (cy + u * sin + v * cos) * scale);
        }
        // Another lamp, another batch: brightness, contrast and cast.
        let n = canvas.px.len() as f32;
        let mean = canvas.px.iter().fold([0.0; 3], |sum, c| [0, 1, 2].map(|k| sum[k] + c[k] / n));
        let gain = look.log_range(0.6, 1.5);
        let contrast = look.log_range(0.5, 1.5);
        let cast = [0; 3].map(|_| gain * look.range(0.93, 1.07));
        let pale = if look.chance(0.3) { look.unit() } else { 0.0 };
        for c in &mut canvas.px {
            let toned = [0, 1, 2].map(|k| (mean[k] + contrast * (c[k] - mean[k])).max(0.0) * cast[k]);
            *c = lerp3(toned, [luma(toned); 3], pale);
        }
        canvas
    }
}

impl Level {
    fn halved(&self) -> Level {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut px = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let at = |dx: usize, dy: usize| self.px[(2 * y + dy) * self.width + 2 * x + dx];
                let four = [at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
                px.push([0, 1, 2].map(|k| (four.iter().map(|p| u32::from(p[k])).sum::<u32>() / 4) as u8));
            }
        }
        Level { width, height, px }
    }

    /// Bilinear value, 0–1, at a place in pixels; outside, the border's.
    fn sample(&self, x: f32, y: f32) -> Rgb {
        let place = |v: f32, extent: usize| {
            let v = (v - 0.5).clamp(0.0, (extent - 1) as f32);
            (v as usize, (v as usize + 1).min(extent - 1), v.fract())
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (place(x, self.width), place(y, self.height));
        let at = |x: usize, y: usize| self.px[y * self.width + x].map(|v| f32::from(v) / 255.0);
        lerp3(lerp3(at(x0, y0), at(x1, y0), fx), lerp3(at(x0, y1), at(x1, y1), fx), fy)
    }
}

/// Gives an object the surface of a photo and keeps its own light and shade.
pub(super) fn clad(colour: &mut Canvas, object: &Plane, surface: &Canvas) {
    let inside = || colour.px.iter().zip(&object.px).filter(|(_, k)| **k > 0.5).map(|(c, _)| luma(*c));
    let mean = inside().sum::<f32>() / inside().count().max(1) as f32;
    for (c, s) in colour.px.iter_mut().zip(&surface.px) {
        *c = scale3(*s, (luma(*c) / mean.max(0.02)).clamp(0.15, 3.0));
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::SURFACE;
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (material, shade) in [("metal", 40u8), ("wood", 160)] {
            std::fs::create_dir(dir.path().join(material)).expect("a folder");
            let photo =
                image::RgbImage::from_fn(300, 260, |x, y| image::Rgb([shade + (x ^ y) as u8 % 16; 3]));
            photo.save(dir.path().join(material).join("a.png")).expect("a photo");
        }
        image::RgbImage::new(64, 64).save(dir.path().join("wood/small.png")).expect("a photo");
        dir
    }

    #[test]
    fn photos_are_found_by_their_material() {
        let dir = folder();
        let photos = Photos::read(dir.path()).expect("photos");
        assert_eq!(photos.len(), 2, "the small one is left out");
        let mean = |object: &str| {
            let kind = ObjectKind::find(object).expect("an object");
            let rng = |tag| SeededRng::new(5, tag);
            let canvas = photos.surface(kind, 64, &mut rng("look"), &mut rng("chance"))?;
            Some(canvas.px.iter().map(|c| luma(*c)).sum::<f32>() / 4096.0)
        };
        assert_eq!(mean("carpet"), None);
        let (metal, wood) = (mean("metal plate").expect("one"), mean("wood").expect("one"));
        assert!(wood > 3.0 * metal, "{metal} {wood}: the same gain on both");
        assert_eq!(materials_of(SURFACE.name), [""; 0], "a surface is of any material");
    }

    #[test]
    fn a_folder_without_photos_and_a_broken_photo_are_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let error = |dir: &Path| Photos::read(dir).err().expect("an error").to_string();
        assert!(error(dir.path()).contains("no photo"));
        assert!(error(&dir.path().join("absent")).contains("absent"));
        std::fs::create_dir(dir.path().join("wood")).expect("a folder");
        std::fs::write(dir.path().join("wood/a.png"), b"no picture").expect("a file");
        assert!(error(dir.path()).contains("a.png"));
    }

    #[test]
    fn levels_halve_and_sampling_hits_pixel_centres() {
        let px = (0..16).map(|i| [i * 10; 3]).collect();
        let level = Level { width: 4, height: 4, px };
        assert_eq!(level.sample(1.5, 2.5), [90.0 / 255.0; 3]);
        let half = level.halved();
        assert_eq!((half.width, half.height, half.px[0]), (2, 2, [25; 3]));
        assert_eq!(half.px[3], [125; 3]);
    }
}
