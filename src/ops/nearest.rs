//! Exact search for the nearest rows of a bank by cosine.

use half::f16;

use super::error::{OpError, Result};
use super::launch::launch_all;
use super::rows::l2_normalise;
use super::tensor::Tensor;
use crate::gpu::{Buffer, Gpu, Purpose};
use crate::kernels::Element;
use crate::kernels::nearest::{MAX_BANK, MAX_K, NONE, Nearest};

/// Rows of unit length on the device, to search in.
#[derive(Debug, Clone)]
pub struct Bank {
    buffer: Buffer,
    rows: usize,
    width: usize,
    element: Element,
}

impl Bank {
    /// Stores rows [rows, width], each divided by its norm; a zero row stays zero. In `f16` they take half the memory,
    /// and cosines are off by at most 2⁻¹¹.
    ///
    /// # Errors
    /// [`OpError::Shape`] when there is no row, or the values are not whole rows.
    pub fn upload(gpu: &Gpu, rows: &[f32], width: usize, element: Element) -> Result<Self> {
        let count = rows.len() / width.max(1);
        if count == 0 || count > MAX_BANK || rows.len() != count * width {
            let expected = format!("1 to {MAX_BANK} rows of {width}");
            return Err(OpError::Shape { op: "bank", expected, found: vec![rows.len()] });
        }
        let unit = rows.chunks(width).flat_map(|row| {
            let norm = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            row.iter().map(move |&v| (f64::from(v) * scale) as f32)
        });
        let bytes = match element {
            Element::F16 => bytemuck::cast_slice(&unit.map(f16::from_f32).collect::<Vec<_>>()).to_vec(),
            _ => bytemuck::cast_slice(&unit.collect::<Vec<_>>()).to_vec(),
        };
        let buffer = gpu.upload_for(Purpose::Weights, &bytes, "bank")?;
        Ok(Self { buffer, rows: count, width, element })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// A row of a bank that is near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Cosine of query and row; NaN where no row has one, because the query is not finite or the bank has too few rows.
    pub cosine: f32,
    /// Place of the row in the bank; its number of rows where there is none.
    pub row: usize,
}

/// The results of [`nearest`], on the device.
#[derive(Debug)]
pub struct Neighbours {
    products: Tensor,
    places: Tensor,
    k: usize,
}

impl Neighbours {
    /// Waits for the results: k neighbours of each query, the nearest first; of equally near ones that which comes first
    /// in the bank.
    pub fn read(&self, gpu: &Gpu) -> Result<Vec<Neighbour>> {
        let (products, places) = (self.products.read(gpu)?, self.places.read(gpu)?);
        let lists = self.products.last();
        let mut nearest = Vec::with_capacity(products.len() / lists * self.k);
        for (products, places) in products.chunks(lists).zip(places.chunks(lists)) {
            let pair = |(&cosine, &row): (&f32, &f32)| Neighbour { cosine, row: row as usize };
            // Parts lie in the order of the bank, and the sort is stable.
            let mut all: Vec<Neighbour> = products.iter().zip(places).map(pair).collect();
            all.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
            let kept = all.into_iter().take(self.k);
            nearest
                .extend(kept.map(|n| if n.cosine == NONE { Neighbour { cosine: f32::NAN, ..n } } else { n }));
        }
        Ok(nearest)
    }
}

/// The k rows of a bank that are nearest to each row of x [.., width] by cosine.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Bank, Element, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let bank = Bank::upload(&gpu, &[1.0, 0.0, 0.0, 2.0, 3.0, 3.0], 2, Element::F32)?;
/// let x = Tensor::upload(&gpu, &[0.0, 5.0], &[1, 2])?;
/// let near = ops::nearest(&gpu, &x, &bank, 2)?.read(&gpu)?;
/// assert_eq!([near[0].row, near[1].row], [1, 2], "straight up, then the diagonal");
/// assert!((near[0].cosine - 1.0).abs() < 1e-6 && (near[1].cosine - 0.5f32.sqrt()).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`] when the widths differ, or k is 0, more than 8 or more than the bank has rows.
pub fn nearest(gpu: &Gpu, x: &Tensor, bank: &Bank, k: usize) -> Result<Neighbours> {
    x.expect_last("nearest", bank.width)?;
    if k == 0 || k > MAX_K.min(bank.rows) {
        let expected = format!("1 to {} neighbours", MAX_K.min(bank.rows));
        return Err(OpError::Shape { op: "nearest", expected, found: vec![k] });
    }
    let sizes = (x.rows(), bank.rows, bank.width);
    let problem = Nearest::new(gpu.capabilities(), sizes, k, bank.element);
    let x = l2_normalise(gpu, x)?;
    let shape = vec![x.rows(), problem.parts * k];
    let [products, places] = launch_all(gpu, &problem, &[x.buffer(), &bank.buffer], [shape.clone(), shape])?;
    Ok(Neighbours { products, places, k })
}
