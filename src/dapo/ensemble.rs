//! The training-free prompt ensemble: image and patch features against class embeddings of sentences.
//!
//! With class embeddings t₀ (normal) and t₁..t_K (defects), all of unit length, and the model's own
//! logit scale s:
//! * patch probabilities: softmax_c(s·cos(patch, t_c)), up-sampled bilinearly with aligned corners;
//! * image probabilities: softmax_c(s·cos(class token, t_c)).
//!
//! [`scoring`](super::scoring) makes scores and types of them.

use super::features::{ClassEmbeddings, ImageFeatures};
use super::prompts::Prompts;
use super::scoring::Probabilities;
use crate::clip::{Clip, ClipError};
use crate::ops::{self, OpError, Tensor};

/// A model with the class embeddings of [`Prompts`].
#[derive(Debug)]
pub(super) struct PromptEnsemble {
    pub clip: Clip,
    /// Class embeddings of unit length on the host, normal first, [K+1, embed_dim].
    rows: Vec<f32>,
    pub classes: ClassEmbeddings,
    /// Prompts that the model does not read to their end.
    pub notes: Vec<String>,
}

impl PromptEnsemble {
    /// Encodes the prompts: once per run, whatever the number of images.
    ///
    /// # Errors
    /// A sentence that the tokenizer refuses; two classes with the same embedding.
    pub fn new(clip: Clip, prompts: &Prompts) -> Result<Self, ClipError> {
        let rows = class_rows(&clip, prompts)?;
        let classes = upload(&clip, &rows)?;
        let notes = cut_prompts(&clip, prompts)?;
        Ok(Self { clip, rows, classes, notes })
    }

    /// As [`PromptEnsemble::new`] with class embeddings [K+1, embed_dim] that were computed before.
    ///
    /// # Errors
    /// Embeddings of another shape.
    pub fn with_rows(clip: Clip, prompts: &Prompts, rows: Vec<f32>) -> Result<Self, ClipError> {
        let expected = (prompts.defects.len() + 1) * clip.config().embed_dim;
        if rows.len() != expected {
            let found = rows.len();
            return Err(ClipError::Request(format!(
                "class embeddings of {found} elements; expected {expected}"
            )));
        }
        let classes = upload(&clip, &rows)?;
        let notes = cut_prompts(&clip, prompts)?;
        Ok(Self { clip, rows, classes, notes })
    }

    /// Class embeddings of unit length, normal first, [K+1, embed_dim].
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// Replaces the prompts. The old ones stay in force where the new ones are refused.
    ///
    /// # Errors
    /// As [`PromptEnsemble::new`].
    pub fn set_prompts(&mut self, prompts: &Prompts) -> Result<(), ClipError> {
        let rows = class_rows(&self.clip, prompts)?;
        self.notes = cut_prompts(&self.clip, prompts)?;
        self.classes = upload(&self.clip, &rows)?;
        self.rows = rows;
        Ok(())
    }

    /// Normal and some of the defects, counted from 0.
    pub fn subset(&self, defects: &[usize]) -> Result<ClassEmbeddings, ClipError> {
        upload(&self.clip, &select_rows(&self.rows, self.classes.classes(), defects))
    }

    /// Features of pre-processed images, pixels [images, 3, size, size], with the hidden states of their patches after the
    /// blocks `states`.
    pub fn encode_images(&self, pixels: &[f32], states: &[usize]) -> Result<ImageFeatures, ClipError> {
        let pixels = self.clip.upload_pixels(pixels)?;
        let output = self.clip.vision().forward(self.clip.gpu(), &pixels, true, states)?;
        let patches = output
            .patch_features
            .ok_or_else(|| ClipError::Request("the vision tower gave no patch features".into()))?;
        Ok(ImageFeatures { image: output.image_features, patches: vec![patches], states: output.states })
    }

    /// Class probabilities of images and patches.
    pub fn probabilities(
        &self,
        features: &ImageFeatures,
        classes: &ClassEmbeddings,
    ) -> Result<Probabilities, ClipError> {
        let gpu = self.clip.gpu();
        let scale = self.clip.logit_scale();
        let probabilities = |x: &Tensor| -> Result<Tensor, OpError> {
            ops::softmax(gpu, &ops::similarity(gpu, x, &classes.per_class, scale)?, 1.0)
        };
        Ok(Probabilities {
            image: probabilities(&features.image)?.read(gpu)?,
            cells: probabilities(&features.patches[0])?,
            grid: self.clip.vision().grid(),
            layers: 1,
        })
    }
}

/// Class embeddings from rows [classes, embed_dim]. Detection without training compares with each defect by itself,
/// never with their mean.
fn upload(clip: &Clip, rows: &[f32]) -> Result<ClassEmbeddings, ClipError> {
    let width = clip.config().embed_dim;
    let per_class = Tensor::upload_weight(clip.gpu(), rows, &[rows.len() / width, width])?;
    Ok(ClassEmbeddings { binary: per_class.clone(), per_class })
}

/// Rows 0 and 1 + d, for each of the defects d, of [classes, width].
pub(super) fn select_rows(embeddings: &[f32], classes: usize, defects: &[usize]) -> Vec<f32> {
    let width = embeddings.len() / classes;
    let rows = std::iter::once(0).chain(defects.iter().map(|d| d + 1));
    rows.flat_map(|row| embeddings[row * width..(row + 1) * width].iter().copied()).collect()
}

/// Notes on the classes whose sentences are longer than the model's context.
pub(super) fn cut_prompts(clip: &Clip, prompts: &Prompts) -> Result<Vec<String>, ClipError> {
    let mut notes = Vec::new();
    let names = std::iter::once(GOOD).chain(prompts.defects.iter().map(String::as_str));
    for (name, sentences) in names.zip(prompts.classes()) {
        let rows = clip.token_rows(&sentences)?;
        let unread = rows.iter().filter(|row| row.unread > 0).count();
        if unread > 0 {
            notes.push(format!(
                "{unread} of {} prompts for '{name}' {UNREAD}. Use other words",
                sentences.len()
            ));
        }
        let cut = rows.iter().filter(|row| row.left_out > 0).count();
        if cut > 0 {
            notes.push(format!(
                "{cut} of {} prompts for '{name}' are longer than the {} tokens that this model reads; their ends \
                 are left out. Use a shorter name",
                sentences.len(),
                clip.text().context_length()
            ));
        }
    }
    Ok(notes)
}

/// What is said of texts that are not read to their end.
const UNREAD: &str = "have the end-of-text token in them, or a character that this model's tokenizer does not know: what \
                      follows it is not read";
/// The class of good images in messages.
const GOOD: &str = "good";
/// Two class embeddings of unit length whose elements differ by less than this are the same but for rounding.
const SAME: f32 = 1e-6;

/// Refuses class embeddings [classes, width] of which two are the same: between these the model could not decide, and
/// would give both the same probability for every image.
pub(super) fn check_distinct(clip: &Clip, rows: &[f32], prompts: &Prompts) -> Result<(), ClipError> {
    let rows: Vec<&[f32]> = rows.chunks(clip.config().embed_dim).collect();
    let name = |class: usize| if class == 0 { GOOD } else { prompts.defects[class - 1].as_str() };
    for (second, row) in rows.iter().enumerate() {
        let same = |other: &&[f32]| other.iter().zip(*row).all(|(a, b)| (a - b).abs() < SAME);
        let Some(first) = rows[..second].iter().position(same) else { continue };
        let sentences = prompts.classes();
        let pair = [clip.token_rows(&sentences[first])?, clip.token_rows(&sentences[second])?];
        let why = if pair.iter().flatten().any(|row| row.unread > 0) {
            format!("their prompts {UNREAD}; use other words")
        } else if pair[0].iter().zip(&pair[1]).any(|(a, b)| a.ids != b.ids) {
            "this model has the same features for the prompts of both: its text tower is damaged, or not one of CLIP"
                .to_owned()
        } else if pair.iter().flatten().any(|row| row.left_out > 0) {
            format!(
                "they begin alike, and the model reads only {} tokens of a prompt; use shorter names",
                clip.text().context_length()
            )
        } else {
            "they are the same text to CLIP, which ignores case, spelling of accents and white space; leave one out"
                .to_owned()
        };
        return Err(ClipError::Request(format!(
            "'{}' and '{}' are one class to this model: {why}",
            name(first),
            name(second)
        )));
    }
    Ok(())
}

/// The mean of each class's sentences, each and the mean itself of unit length: [K+1, embed_dim].
pub(super) fn class_rows(clip: &Clip, prompts: &Prompts) -> Result<Vec<f32>, ClipError> {
    let classes = prompts.classes();
    let sentences: Vec<&String> = classes.iter().flatten().collect();
    let features = clip.encode_texts(&sentences)?;
    let width = clip.config().embed_dim;
    let mut rows = features.chunks(width);
    let mut embeddings = Vec::with_capacity(classes.len() * width);
    for class in &classes {
        let mut mean = vec![0.0f64; width];
        for row in rows.by_ref().take(class.len()) {
            let norm = norm(row.iter().map(|&v| f64::from(v)));
            mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v) / norm);
        }
        let norm = norm(mean.iter().copied());
        embeddings.extend(mean.iter().map(|m| (m / norm) as f32));
    }
    check_distinct(clip, &embeddings, prompts)?;
    Ok(embeddings)
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
}
