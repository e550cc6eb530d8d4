//! Training steps: losses, gradients, Adam.

use std::cell::OnceCell;

use super::batch::Batch;
use super::config::LearnerConfig;
use super::description::{self, Description, LearnerFile, ModelShape};
use super::encode::{concat_all, encode_prompts, prompt_chunks};
use super::error::DapoError;
use super::forward::{ClassVectors, LearnerModel, TapeParameters};
use super::gradients::GradientSums;
use super::parameters::{Parameters, Values, layout};
use super::prompts::HybridPrompts;
use crate::autograd::{Optimiser, Parameter, Tape, Var, accumulate};
use crate::clip::Clip;
use crate::ops::{self, AdamState, Indices, OpError, PixelTarget, Tensor};

pub use crate::ops::AdamSettings;

/// The losses of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// Cross-entropy of good against defective.
    pub image: f32,
    /// Weighted focal and dice losses of the pixels, summed over the feature layers.
    pub local: f32,
}

impl Losses {
    /// Their sum.
    pub fn total(self) -> f32 {
        self.image + self.local
    }
}

/// Losses and gradient norm of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Counted from 1.
    pub step: usize,
    /// The losses before the step.
    pub losses: Losses,
    /// Euclidean norm of the gradient of all parameters.
    pub gradient_norm: f64,
}

/// Everything needed to resume a run: values and Adam's moments of all parameters, by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Steps taken.
    pub step: usize,
    /// Values.
    pub values: Parameters,
    /// Adam's first moments.
    pub means: Parameters,
    /// Adam's second moments.
    pub squares: Parameters,
}

/// A learner in training; `examples/train.rs` shows a whole run.
#[derive(Debug)]
pub struct Trainer {
    clip: Clip,
    config: LearnerConfig,
    prompts: HybridPrompts,
    optimiser: Optimiser,
    /// Images in a forward and backward pass.
    micro_batch: usize,
    /// Class vectors of fixed prompts, encoded once.
    fixed: OnceCell<ClassVectors>,
}

impl Trainer {
    /// Starts from a snapshot of an earlier run, or of initial values without moments. A step splits a batch into
    /// micro-batches of `micro_batch` images.
    ///
    /// # Errors
    /// [`DapoError::Learner`] when the values do not fit the model.
    pub fn new(
        clip: Clip,
        config: LearnerConfig,
        defects: &[String],
        settings: AdamSettings,
        start: &Snapshot,
        micro_batch: usize,
    ) -> Result<Self, DapoError> {
        start.values.check(&config, &clip)?;
        let prompts = HybridPrompts::new(&config, &clip, defects)?;
        let gpu = clip.gpu();
        let upload = |of: &Parameters, name: &str, shape: &[usize]| match of.tensors.get(name) {
            Some(values) => Tensor::upload_weight(gpu, &values.data, shape),
            None => Tensor::upload_weight(gpu, &vec![0.0; shape.iter().product()], shape),
        };
        let parameters = layout(&config, &clip)
            .into_iter()
            .map(|(name, shape)| {
                let state = AdamState {
                    value: upload(&start.values, &name, &shape)?,
                    mean: upload(&start.means, &name, &shape)?,
                    square: upload(&start.squares, &name, &shape)?,
                };
                Ok(Parameter { rate: config.rate(&name), name, state })
            })
            .collect::<Result<Vec<_>, OpError>>()?;
        let optimiser = Optimiser::resume(settings, parameters, start.step);
        Ok(Self { micro_batch: micro_batch.max(1), fixed: OnceCell::new(), clip, config, prompts, optimiser })
    }

    /// The model.
    pub fn clip(&self) -> &Clip {
        &self.clip
    }

    /// The settings, without unset fields.
    pub fn config(&self) -> &LearnerConfig {
        &self.config
    }

    /// The number of learned values.
    pub fn parameters(&self) -> usize {
        let learned = self.optimiser.parameters().iter().filter(|p| self.config.learns(&p.name));
        learned.map(|p| p.state.value.len()).sum()
    }

    /// Steps taken so far.
    pub fn steps(&self) -> usize {
        self.optimiser.steps()
    }

    /// Takes one step of Adam on a batch.
    ///
    /// # Errors
    /// [`ClipError::Request`](crate::clip::ClipError::Request) for a batch that does not fit the model; [`DapoError::NotFinite`], with parameters unchanged.
    pub fn step(&mut self, batch: &Batch) -> Result<StepReport, DapoError> {
        let (losses, gradients) = self.gradients_on_device(batch)?;
        let step = self.optimiser.steps() + 1;
        let gradient_norm = self.check_finite(step, losses, &gradients)?;
        let gpu = self.clip.gpu().clone();
        self.optimiser.step(&gpu, &gradients)?;
        Ok(StepReport { step, losses, gradient_norm })
    }

    /// Losses of a batch and the gradient of their sum for every parameter, without a step.
    pub fn gradients(&self, batch: &Batch) -> Result<(Losses, Parameters), DapoError> {
        let (losses, gradients) = self.gradients_on_device(batch)?;
        let mut all = Parameters::default();
        for (parameter, gradient) in self.optimiser.parameters().iter().zip(gradients) {
            if let Some(gradient) = gradient {
                all.tensors.insert(parameter.name.clone(), download(&self.clip, &gradient)?);
            }
        }
        Ok((losses, all))
    }

    /// Values and moments, on the host.
    pub fn snapshot(&self) -> Result<Snapshot, DapoError> {
        let mut snapshot = Snapshot { step: self.optimiser.steps(), ..Snapshot::default() };
        for Parameter { name, state, .. } in self.optimiser.parameters() {
            let AdamState { value, mean, square } = state;
            snapshot.values.tensors.insert(name.clone(), download(&self.clip, value)?);
            snapshot.means.tensors.insert(name.clone(), download(&self.clip, mean)?);
            snapshot.squares.tensors.insert(name.clone(), download(&self.clip, square)?);
        }
        Ok(snapshot)
    }

    /// The class vectors of these defects as they are now, [K+1, embed_dim].
    pub fn class_vectors(&self, defects: &[String]) -> Result<Values, DapoError> {
        let prompts = HybridPrompts::new(&self.config, &self.clip, defects)?;
        let model = LearnerModel { prompts: &prompts, ..self.model() };
        let tape = Tape::inference(self.clip.gpu());
        let vectors = match self.config.learned_prompts {
            true => encode_prompts(model, &tape, &self.tape_parameters(&tape))?,
            false => model.fixed_class_vectors(&tape)?,
        };
        download(&self.clip, vectors.per_class.tensor())
    }

    /// The learner as it is now, with the class vectors of `test_defects`: the names of the same defects in
    /// detection, which may be synonyms of those in training.
    ///
    /// # Errors
    /// [`ClipError::Request`](crate::clip::ClipError::Request) when a name is too long for the model's context.
    pub fn learner_file(&self, test_defects: &[String]) -> Result<LearnerFile, DapoError> {
        Ok(LearnerFile {
            parameters: self.snapshot()?.values,
            description: Some(Description {
                schema: description::SCHEMA.into(),
                learner: self.config.clone(),
                train_defects: self.prompts.defects.clone(),
                test_defects: test_defects.to_vec(),
                model: ModelShape::of(&self.clip),
                image_size: self.clip.vision().image_size(),
                steps: self.steps(),
            }),
            class_vectors: Some(self.class_vectors(test_defects)?),
            alarm: None,
        })
    }

    fn model(&self) -> LearnerModel<'_> {
        LearnerModel { clip: &self.clip, config: &self.config, prompts: &self.prompts }
    }

    fn tape_parameters(&self, tape: &Tape<'_>) -> TapeParameters {
        let named = self.optimiser.parameters().iter();
        TapeParameters::new(tape, &self.config, named.map(|p| (p.name.as_str(), &p.state.value)))
    }

    /// One forward and one backward pass of the prompts, with the gradients of all micro-batches accumulated in between.
    fn gradients_on_device(&self, batch: &Batch) -> Result<(Losses, Vec<Option<Tensor>>), DapoError> {
        batch.check(self.clip.vision().image_size(), self.prompts.defects.len())?;
        let gpu = self.clip.gpu();
        let model = self.model();
        let mut sums = GradientSums::new(self.optimiser.parameters());

        // Prompts: in chunks, each on a tape of its own that is kept for the backward pass.
        let mut chunks = Vec::new();
        let learned = self.config.learned_prompts;
        for range in prompt_chunks(model).into_iter().filter(|_| learned) {
            let tape = Tape::new(gpu);
            let parameters = self.tape_parameters(&tape);
            let features = model.prompt_features(&tape, &parameters, range)?;
            chunks.push((tape, parameters, features));
        }
        let head = Tape::new(gpu);
        let parts: Vec<Var> = chunks.iter().map(|(_, _, f)| head.leaf(f.tensor().clone())).collect();
        let vectors = match learned {
            true => model.class_vectors(&head, &concat_all(&head, &parts)?)?,
            false => self.fixed_class_vectors(&head)?,
        };

        // Images: their gradients end at the class vectors.
        let size = self.clip.vision().image_size();
        let (mut per_class, mut binary) = (None, None);
        let mut losses = Vec::new();
        for at in (0..batch.classes.len()).step_by(self.micro_batch) {
            let images = at..(at + self.micro_batch).min(batch.classes.len());
            let pixels = &batch.pixels[images.start * 3 * size * size..images.end * 3 * size * size];
            let pixels = self.clip.upload_pixels(pixels)?;
            let tape = Tape::new(gpu);
            let parameters = self.tape_parameters(&tape);
            let leaf = |vectors: &Var| match learned {
                true => tape.leaf(vectors.tensor().clone()),
                false => vectors.clone(),
            };
            let classes = ClassVectors { per_class: leaf(&vectors.per_class), binary: leaf(&vectors.binary) };
            let output = model.forward(&tape, &parameters, &classes, &pixels)?;
            let share = 1.0 / batch.classes.len() as f32;
            let labels = &batch.classes[images.clone()];
            let defective: Vec<u32> = labels.iter().map(|&class| u32::from(class > 0)).collect();
            let weights = self.config.losses;
            let mut found = vec![tape.cross_entropy(&output.logits, &defective, weights.image * share)?];
            let masks = &batch.masks[images.start * size * size..images.end * size * size];
            let target = PixelTarget {
                class_id: Indices::upload(gpu, labels)?,
                mask: Tensor::upload(gpu, masks, &[labels.len(), size, size])?,
                focal: weights.focal,
                dice_normal: weights.dice_normal,
                dice_defect: weights.dice_defect,
                scale: share,
            };
            for patches in &output.patches {
                found.push(tape.pixel_loss(patches, &target)?);
            }
            losses.push(found.iter().map(|l| l.tensor().clone()).collect::<Vec<_>>());
            let seeds = tape.ones(&found)?;
            let mut gradients = tape.backward(seeds)?;
            sums.accumulate(gpu, &parameters, &mut gradients)?;
            for (sum, leaf) in [(&mut per_class, &classes.per_class), (&mut binary, &classes.binary)] {
                if let Some(gradient) = gradients.take(leaf) {
                    accumulate(gpu, sum, gradient)?;
                }
            }
        }

        // Backward pass of the prompts.
        let seeds = [(&vectors.per_class, per_class), (&vectors.binary, binary)];
        let seeds = seeds.into_iter().filter_map(|(var, gradient)| Some((var, gradient?))).collect();
        let mut gradients = head.backward(seeds)?;
        for ((tape, parameters, features), part) in chunks.into_iter().zip(&parts) {
            if let Some(gradient) = gradients.take(part) {
                let mut gradients = tape.backward(vec![(&features, gradient)])?;
                sums.accumulate(gpu, &parameters, &mut gradients)?;
            }
        }
        let mut total = Losses { image: 0.0, local: 0.0 };
        for found in losses {
            let mut values = Vec::with_capacity(found.len());
            for loss in found {
                values.push(loss.read(gpu)?[0]);
            }
            total.image += values[0];
            total.local += values[1..].iter().sum::<f32>();
        }
        Ok((total, sums.by_parameter))
    }

    /// Class vectors of fixed prompts.
    fn fixed_class_vectors(&self, tape: &Tape<'_>) -> Result<ClassVectors, DapoError> {
        if let Some(vectors) = self.fixed.get() {
            return Ok(vectors.clone());
        }
        let vectors = self.model().fixed_class_vectors(&Tape::inference(tape.gpu()))?;
        Ok(self.fixed.get_or_init(|| vectors).clone())
    }

    /// The norm of the gradient; an error if a loss or gradient is not finite.
    fn check_finite(
        &self,
        step: usize,
        losses: Losses,
        gradients: &[Option<Tensor>],
    ) -> Result<f64, DapoError> {
        let refuse = |what: String| Err(DapoError::NotFinite { step, what });
        for (name, loss) in [("the image loss", losses.image), ("the local loss", losses.local)] {
            if !loss.is_finite() {
                return refuse(name.into());
            }
        }
        let gpu = self.clip.gpu();
        let mut squares = 0.0;
        let parts = gradients
            .iter()
            .flatten()
            .map(|g| ops::column_products(gpu, g, g))
            .collect::<Result<Vec<_>, _>>()?;
        let names = self.optimiser.parameters().iter().zip(gradients).filter(|(_, g)| g.is_some());
        for ((parameter, _), part) in names.zip(parts) {
            let square: f64 = part.read(gpu)?.iter().map(|&s| f64::from(s)).sum();
            if !square.is_finite() {
                return refuse(format!("the gradient of {}", parameter.name));
            }
            squares += square;
        }
        Ok(squares.sqrt())
    }
}

fn download(clip: &Clip, tensor: &Tensor) -> Result<Values, DapoError> {
    Ok(Values { shape: tensor.shape().to_vec(), data: tensor.read(clip.gpu())? })
}
