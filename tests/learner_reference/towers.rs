//! CLIP's transformer in float64, a token at a time.

use std::collections::BTreeMap;

/// The numbers of a token, or a row of a matrix.
pub type Row = Vec<f64>;

/// Tensors by name, the last dimension contiguous.
pub type Tensors = BTreeMap<String, Vec<f64>>;

/// The weights of a model in the Hugging Face layout, and how to read them.
pub struct Weights {
    pub tensors: Tensors,
    /// Heads of both towers.
    pub heads: usize,
}

/// Learned tokens of each layer, and how much of a token survives a block.
pub struct LayerTokens {
    pub layers: Vec<Vec<Row>>,
    pub alpha: f64,
}

impl LayerTokens {
    /// Tokens of a layer.
    pub fn count(&self) -> usize {
        self.layers.first().map_or(0, Vec::len)
    }

    /// Puts the tokens of a block behind the first token of a sequence: block 0 finds none and later ones
    /// those that came out of the block before.
    pub fn enter(&self, block: usize, x: &mut Vec<Row>) {
        let Some(layer) = self.layers.get(block) else { return };
        if block == 0 {
            x.splice(1..1, layer.iter().cloned());
            return;
        }
        for (old, new) in x[1..].iter_mut().zip(layer) {
            for (old, new) in old.iter_mut().zip(new) {
                *old = self.alpha * *old + (1.0 - self.alpha) * new;
            }
        }
    }
}

impl Weights {
    pub fn get(&self, name: &str) -> &[f64] {
        self.tensors.get(name).unwrap_or_else(|| panic!("no weight {name}"))
    }

    /// Layer normalisation.
    pub fn norm(&self, x: &[f64], name: &str) -> Row {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let (scale, shift) = (self.get(&format!("{name}.weight")), self.get(&format!("{name}.bias")));
        let one = |i: usize| (x[i] - mean) / (variance + 1e-5).sqrt() * scale[i] + shift[i];
        (0..x.len()).map(one).collect()
    }

    /// A linear layer.
    pub fn linear(&self, x: &[f64], name: &str) -> Row {
        let product = matrix_times(self.get(&format!("{name}.weight")), x);
        sum(&product, self.get(&format!("{name}.bias")))
    }

    /// Block `index` of the tower that `prefix` names, on a sequence.
    pub fn block(&self, prefix: &str, index: usize, x: &[Row], causal: bool) -> Vec<Row> {
        let name = |part: &str| format!("{prefix}.encoder.layers.{index}.{part}");
        let normed: Vec<Row> = x.iter().map(|row| self.norm(row, &name("layer_norm1"))).collect();
        let [q, k, v] = ["q_proj", "k_proj", "v_proj"].map(|part| -> Vec<Row> {
            normed.iter().map(|row| self.linear(row, &name(&format!("self_attn.{part}")))).collect()
        });
        let mut out = Vec::new();
        for (i, row) in x.iter().enumerate() {
            let seen = if causal { i + 1 } else { x.len() };
            let attended = self.attend(&q[i], &k[..seen], &v[..seen]);
            let row = sum(row, &self.linear(&attended, &name("self_attn.out_proj")));
            let hidden = self.linear(&self.norm(&row, &name("layer_norm2")), &name("mlp.fc1"));
            let hidden: Row = hidden.into_iter().map(|h| h / (1.0 + (-1.702 * h).exp())).collect();
            out.push(sum(&row, &self.linear(&hidden, &name("mlp.fc2"))));
        }
        out
    }

    /// What one query reads, all heads side by side.
    fn attend(&self, query: &[f64], keys: &[Row], values: &[Row]) -> Row {
        let width = query.len() / self.heads;
        let mut read = vec![0.0; query.len()];
        for head in 0..self.heads {
            let part = head * width..(head + 1) * width;
            let score = |key: &Row| dot(&query[part.clone()], &key[part.clone()]) / (width as f64).sqrt();
            let weights = softmax(&keys.iter().map(score).collect::<Row>());
            for (weight, value) in weights.iter().zip(values) {
                for i in part.clone() {
                    read[i] += weight * value[i];
                }
            }
        }
        read
    }
}

/// A matrix [outputs, inputs] times a column.
pub fn matrix_times(matrix: &[f64], x: &[f64]) -> Row {
    matrix.chunks(x.len()).map(|row| dot(row, x)).collect()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn sum(a: &[f64], b: &[f64]) -> Row {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// A row at unit length.
pub fn unit(x: &[f64]) -> Row {
    let length = dot(x, x).sqrt();
    x.iter().map(|v| v / length).collect()
}

/// The mean of rows, at unit length.
pub fn unit_mean(rows: &[Row]) -> Row {
    let total = rows.iter().skip(1).fold(rows[0].clone(), |total, row| sum(&total, row));
    unit(&total)
}

pub fn softmax(x: &[f64]) -> Row {
    let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Row = x.iter().map(|v| (v - top).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / total).collect()
}
