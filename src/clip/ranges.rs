//! How large the inputs of a block's linear layers can be, whatever the image or text: from its weights alone.
//!
//! A layer norm's output is y = γ·x̂ + β with ‖x̂‖₂ ≤ √n and |x̂ᵢ| ≤ √n, so |yᵢ| ≤ √n·|γᵢ| + |βᵢ| and
//! ‖y‖₂ ≤ √n·max|γ| + ‖β‖₂. A linear layer's output is at most ‖w‖₂·‖y‖₂ + |b| for each row w (Cauchy and Schwarz).
//! What attention puts out is a convex combination of values, and a GELU makes nothing larger.

use super::parameters::{Affine, BlockWeights};

/// The largest magnitudes in the inputs of a block's linear layers.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockRanges {
    pub attn_in: f32,
    pub attn_out: f32,
    pub mlp_fc: f32,
    pub mlp_proj: f32,
}

impl BlockRanges {
    pub fn of(weights: &BlockWeights) -> Self {
        Self {
            attn_in: norm_largest(&weights.ln_1),
            // Of queries, keys and values, only the last reach the output; but all three may take their place.
            attn_out: linear_largest(&weights.attn_in, norm_length(&weights.ln_1)),
            mlp_fc: norm_largest(&weights.ln_2),
            mlp_proj: linear_largest(&weights.mlp_fc, norm_length(&weights.ln_2)),
        }
    }
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

/// An upper bound as float32, with room for the roundings on the way.
fn rounded_up(bound: f64) -> f32 {
    (bound * 1.001) as f32
}

/// The largest |yᵢ| of a layer norm.
fn norm_largest(norm: &Affine) -> f32 {
    let (gamma, beta) = (&norm.weight.data, &norm.bias.data);
    let root = (gamma.len() as f64).sqrt();
    let each = gamma.iter().zip(beta).map(|(&g, &b)| root * f64::from(g.abs()) + f64::from(b.abs()));
    rounded_up(each.fold(0.0, f64::max))
}

/// The largest ‖y‖₂ of a layer norm.
fn norm_length(norm: &Affine) -> f64 {
    let largest = norm.weight.data.iter().fold(0.0f32, |most, g| most.max(g.abs()));
    (norm.weight.data.len() as f64).sqrt() * f64::from(largest) + length(&norm.bias.data)
}

/// The largest |W·y + b| for ‖y‖₂ up to this length.
fn linear_largest(linear: &Affine, input_length: f64) -> f32 {
    let columns = linear.weight.shape[1];
    let rows = linear.weight.data.chunks(columns).zip(&linear.bias.data);
    let each = rows.map(|(row, &bias)| length(row) * input_length + f64::from(bias.abs()));
    rounded_up(each.fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::super::parameters::HostTensor;
    use super::*;

    fn affine(shape: &[usize], weight: &[f32], bias: &[f32]) -> Affine {
        Affine {
            weight: HostTensor { shape: shape.to_vec(), data: weight.to_vec() },
            bias: HostTensor { shape: vec![bias.len()], data: bias.to_vec() },
        }
    }

    #[test]
    fn bounds_follow_from_the_weights() {
        let norm = affine(&[4], &[1.0, -2.0, 0.5, 0.0], &[0.0, 1.0, 0.0, -3.0]);
        let close = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.002, "{found}");
        close(norm_largest(&norm).into(), 2.0 * 2.0 + 1.0);
        close(norm_length(&norm), 2.0 * 2.0 + 10f64.sqrt());
        let linear = affine(&[2, 4], &[3.0, 4.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], &[0.5, -7.0]);
        close(linear_largest(&linear, 2.0).into(), 5.0 * 2.0 + 0.5);
    }
}
