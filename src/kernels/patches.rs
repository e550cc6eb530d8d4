//! Images to rows of patches (im2col with stride = patch), the first half of the patch embedding.

use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define};

/// Patches of `images` square pictures [images, 3, size, size] as rows [images, (size/patch)², row].
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    /// Number of images.
    pub images: usize,
    /// Edge of an image in pixels, a multiple of `patch`.
    pub size: usize,
    /// Edge of a patch in pixels.
    pub patch: usize,
}

impl Patches {
    /// Elements of a row: 3·patch², rounded up to a multiple of 4 so that the matmul can load vec4s.
    pub fn row(&self) -> usize {
        (3 * self.patch * self.patch).next_multiple_of(4)
    }

    /// Patches of an image.
    pub fn cells(&self) -> usize {
        (self.size / self.patch).pow(2)
    }

    fn total(&self) -> usize {
        self.images * self.cells() * self.row()
    }
}

impl Problem for Patches {
    fn kernel(&self) -> &'static str {
        "patches"
    }

    fn label(&self) -> String {
        format!("patches f32 images={} size={} patch={}", self.images, self.size, self.patch)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("pixels", self.images * 3 * self.size * self.size)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.total()]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 4.0 * (self.images * 3 * self.size * self.size + self.total()) as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let aligned = self.patch.is_multiple_of(4) && self.size.is_multiple_of(4);
        element_variants(
            Unmet::MultipleOf { what: "the patch or the image", of: 4 }.unless(aligned),
            |pack, mut defines| {
                defines.extend([
                    ("SIZE", Define::Number(self.size as u32)),
                    ("EDGE", Define::Number(self.patch as u32)),
                    ("ROW", Define::Number(self.row() as u32)),
                ]);
                Plan {
                    shader: shader!("patches.wgsl", defines),
                    params: param_bytes(&[self.images as u32]),
                    grid: linear_grid((self.total() / pack).div_ceil(64), caps),
                }
            },
        )
    }
}

impl Verifiable for Patches {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (p, s, grid) = (self.patch, self.size, self.size / self.patch);
        let mut rows = Vec::with_capacity(self.total());
        for image in 0..self.images {
            for (gy, gx) in (0..grid).flat_map(|y| (0..grid).map(move |x| (y, x))) {
                let start = rows.len();
                for (c, y, x) in (0..3).flat_map(|c| (0..p).flat_map(move |y| (0..p).map(move |x| (c, y, x))))
                {
                    rows.push(inputs[0][((image * 3 + c) * s + gy * p + y) * s + gx * p + x]);
                }
                rows.resize(start + self.row(), 0.0);
            }
        }
        vec![rows]
    }

    /// A copy is exact.
    fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![vec![0.0; expected[0].len()]]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let all = [(1, 1, 1), (1, 7, 7), (3, 50, 5), (2, 64, 8), (3, 12, 4), (1, 42, 14)];
    let mut cases = boxed(all.map(|(images, size, patch)| Patches { images, size, patch }).to_vec());
    // A patch for each variant.
    for (size, patch) in [(42, 14), (32, 4)] {
        cases.push(Stress::Fold(3).on(Patches { images: 1, size, patch }));
    }
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "patches",
        conformance: cases,
        bench: || {
            boxed(vec![
                Patches { images: 8, size: 224, patch: 16 },
                Patches { images: 1, size: 518, patch: 14 },
            ])
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let case = Patches {
                images: text.size("images")?,
                size: text.size("size")?,
                patch: text.size("patch")?,
            };
            if !case.size.is_multiple_of(case.patch) {
                return Err(format!("patch={} does not divide size={}", case.patch, case.size));
            }
            Ok(Box::new(case))
        },
    }
}
