//! DAPO's learner in float64: a batch and the learned values in, losses out. It follows
//! `tools/dapo_reference.py` and shares no mathematics with the crate.

use dapo_wgpu::dapo::learner::{Batch, LearnerConfig, Pooling, TextMask};

use super::towers::{LayerTokens, Row, Tensors, Weights, dot, matrix_times, softmax, sum, unit, unit_mean};

/// A frozen model, what is asked of it, and the words of its prompts.
pub struct Reference {
    pub weights: Weights,
    pub config: LearnerConfig,
    /// Blocks of either tower.
    pub blocks: usize,
    /// Edge of an image and of a patch, in pixels.
    pub size: usize,
    pub patch: usize,
    /// Token ids of the words for normal, then for each defect, with start and end of text and padding.
    pub words: Vec<Vec<u32>>,
    pub end_of_text: u32,
}

impl Reference {
    /// Losses of a batch: of the images, and of the pixels at all feature layers.
    pub fn losses(&self, learned: &Tensors, batch: &Batch) -> [f64; 2] {
        let tau = f64::from(self.config.temperature);
        let classes = self.class_vectors(learned);
        let two = [classes[0].clone(), unit_mean(&classes[1..])];
        let images = batch.classes.len();
        let pixels = batch.pixels.chunks(3 * self.size * self.size);
        let masks = batch.masks.chunks(self.size * self.size);
        let mut losses = [0.0; 2];
        for ((&class, pixels), mask) in batch.classes.iter().zip(pixels).zip(masks) {
            let (image, layers) = self.image_features(learned, pixels);
            let logits: Row = two.iter().map(|vector| dot(&image, vector) / tau).collect();
            let right = softmax(&logits)[usize::from(class > 0)];
            losses[0] -= f64::from(self.config.losses.image) * right.ln() / images as f64;
            for patches in layers {
                let cosines = |patch: &Row| classes.iter().map(|c| dot(patch, c) / tau).collect::<Row>();
                let cells: Vec<Row> = patches.iter().map(|patch| softmax(&cosines(patch))).collect();
                losses[1] += self.pixel_loss(&cells, class as usize, mask) / images as f64;
            }
        }
        losses
    }

    /// Class vectors of unit length, normal first.
    fn class_vectors(&self, learned: &Tensors) -> Vec<Row> {
        let width = self.weights.get("text_model.final_layer_norm.weight").len();
        let class = |(state, ids): (usize, &Vec<u32>)| {
            let kind = if state == 0 { "normal" } else { "abnormal" };
            let context = &learned[&format!("prompt_learner.learnable_{kind}_tokens")];
            let sets = context.chunks(self.config.context_length * width);
            unit_mean(&sets.map(|set| self.prompt(learned, ids, &rows(set, width))).collect::<Vec<_>>())
        };
        self.words.iter().enumerate().map(class).collect()
    }

    /// The text feature of one prompt: learned words between the start of text and the words.
    fn prompt(&self, learned: &Tensors, ids: &[u32], context: &[Row]) -> Row {
        let w = &self.weights;
        let width = context[0].len();
        let embedded = |id: &u32| {
            let table = w.get("text_model.embeddings.token_embedding.weight");
            table[*id as usize * width..][..width].to_vec()
        };
        let mut x: Vec<Row> = ids.iter().map(embedded).collect();
        x.splice(1..1, context.iter().cloned());
        x.truncate(ids.len());
        let places = w.get("text_model.embeddings.position_embedding.weight");
        x = x.iter().zip(places.chunks(width)).map(|(x, place)| sum(x, place)).collect();

        let depth = self.config.text_depth();
        let layer = |i| rows(&learned[&format!("prompt_learner.learnable_layer_tokens.{i}")], width);
        let tokens =
            LayerTokens { layers: (0..depth).map(layer).collect(), alpha: f64::from(self.config.alpha) };
        for block in 0..self.blocks {
            tokens.enter(block, &mut x);
            x = w.block("text_model", block, &x, self.config.text_mask == TextMask::Causal);
            if block == depth {
                // This block still saw the tokens of the one before.
                x.drain(1..1 + tokens.count());
            }
        }
        let end = ids.iter().position(|&id| id == self.end_of_text).expect("an end of text");
        let inserted = x.len() - ids.len();
        let at = end + context.len() + if self.config.pooling == Pooling::Eot { inserted } else { 0 };
        matrix_times(w.get("text_projection.weight"), &w.norm(&x[at], "text_model.final_layer_norm"))
    }

    /// An image's feature, and its patches at each feature layer through the adapters; of unit length.
    fn image_features(&self, learned: &Tensors, pixels: &[f32]) -> (Row, Vec<Vec<Row>>) {
        let (w, size, patch) = (&self.weights, self.size, self.patch);
        let mut x = vec![w.get("vision_model.embeddings.class_embedding").to_vec()];
        for top in (0..size).step_by(patch) {
            for left in (0..size).step_by(patch) {
                let mut values = Vec::new();
                for channel in 0..3 {
                    for y in top..top + patch {
                        for x in left..left + patch {
                            values.push(f64::from(pixels[(channel * size + y) * size + x]));
                        }
                    }
                }
                x.push(matrix_times(w.get("vision_model.embeddings.patch_embedding.weight"), &values));
            }
        }
        let width = x[0].len();
        let places = w.get("vision_model.embeddings.position_embedding.weight").chunks(width);
        let enter = |(x, place): (&Row, &[f64])| w.norm(&sum(x, place), "vision_model.pre_layrnorm");
        x = x.iter().zip(places).map(enter).collect();

        let all = rows(&learned["visual_prompt.learnable_visual_tokens"], width);
        let layers = all.chunks(self.config.layer_tokens).map(<[Row]>::to_vec).collect();
        let tokens = LayerTokens { layers, alpha: f64::from(self.config.alpha) };
        assert_eq!(tokens.layers.len(), self.config.visual_depth());
        let mut features = Vec::new();
        for block in 0..self.blocks {
            tokens.enter(block, &mut x);
            x = w.block("vision_model", block, &x, false);
            if let Some(m) = self.config.feature_layers.iter().position(|&layer| layer == block + 1) {
                let [weight, bias] =
                    ["weight", "bias"].map(|part| &learned[&format!("linear_adapter.fc.{m}.{part}")]);
                let adapt = |x: &Row| unit(&sum(&matrix_times(weight, x), bias));
                features.push(x[1 + tokens.count()..].iter().map(adapt).collect());
            }
        }
        let class = w.norm(&x[0], "vision_model.post_layernorm");
        (unit(&matrix_times(w.get("visual_projection.weight"), &class)), features)
    }

    /// Focal and dice losses of class probabilities [cells][classes] against a mask: the maps of all
    /// classes at every pixel.
    fn pixel_loss(&self, cells: &[Row], class: usize, mask: &[f32]) -> f64 {
        let classes = cells[0].len();
        let smooth = 1e-5;
        let mut focal = 0.0;
        // Of the normal map with the good pixels, and of the sum of all defect maps with the marked ones.
        let (mut overlap, mut sizes) = ([0.0; 2], [0.0; 2]);
        for (pixel, &marked) in mask.iter().enumerate() {
            let q = self.up_sampled(cells, pixel);
            let marked = f64::from(marked);
            let label = if marked > 0.0 { class } else { 0 };
            let mut likely = smooth;
            for (c, q) in q.iter().enumerate() {
                let target = if c == label { 1.0 } else { 0.0_f64 };
                likely += target.clamp(smooth / (classes as f64 - 1.0), 1.0 - smooth) * q;
            }
            focal -= (1.0 - likely).powi(2) * likely.ln() / mask.len() as f64;
            let pairs = [(q[0], 1.0 - marked), (q[1..].iter().sum(), marked)];
            for (i, (map, truth)) in pairs.into_iter().enumerate() {
                overlap[i] += map * truth;
                sizes[i] += map + truth;
            }
        }
        let dice = |i: usize| 1.0 - (2.0 * overlap[i] + 1.0) / (sizes[i] + 1.0);
        let weights = &self.config.losses;
        f64::from(weights.focal) * focal
            + f64::from(weights.dice_normal) * dice(0)
            + f64::from(weights.dice_defect) * dice(1)
    }

    /// Values of the cells at a pixel: bilinear, with the centres of corner cells at the corner pixels.
    fn up_sampled(&self, cells: &[Row], pixel: usize) -> Row {
        let grid = self.size / self.patch;
        let along = |place: usize| {
            let at = (place * (grid - 1)) as f64 / (self.size - 1) as f64;
            let below = (at as usize).min(grid - 2);
            [(below, 1.0 - (at - below as f64)), (below + 1, at - below as f64)]
        };
        let mut value = vec![0.0; cells[0].len()];
        for (y, down) in along(pixel / self.size) {
            for (x, across) in along(pixel % self.size) {
                for (value, cell) in value.iter_mut().zip(&cells[y * grid + x]) {
                    *value += down * across * cell;
                }
            }
        }
        value
    }
}

fn rows(values: &[f64], width: usize) -> Vec<Row> {
    values.chunks(width).map(<[f64]>::to_vec).collect()
}
