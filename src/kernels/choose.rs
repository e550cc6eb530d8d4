//! Which variant of a problem runs on a device, decided once and remembered.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::launch::Launch;
use super::problem::{Problem, ProblemKey, Variant};
use super::trial;
use crate::gpu::{Buffer, Gpu, GpuError};

/// The variants of a problem on this device: [`Problem::variants`], where those that failed their trial
/// are not usable.
pub fn variants(gpu: &Gpu, problem: &dyn Problem) -> Vec<Variant> {
    let mut variants = problem.variants(gpu.capabilities());
    variants.iter_mut().for_each(|variant| put_to_trial(gpu, variant));
    variants
}

/// The launch of the preferred variant on this device, or of the one named by `forced`.
///
/// # Errors
/// [`GpuError::Shader`] when none runs, or the variant does not exist or apply.
pub fn choose(gpu: &Gpu, problem: &dyn Problem, forced: Option<&str>) -> Result<(Launch, Variant), GpuError> {
    let mut variants = problem.variants(gpu.capabilities());
    let Some(name) = forced else { return preferred(gpu, problem, variants, |_| true) };
    let Some(at) = variants.iter().position(|v| v.name == name) else {
        let names = variants.iter().map(|v| v.name).collect::<Vec<_>>().join(", ");
        return Err(refused(problem, format!("no variant '{name}'; there are {names}")));
    };
    let mut variant = variants.swap_remove(at);
    put_to_trial(gpu, &mut variant);
    match Launch::new(problem, &variant) {
        Ok(launch) => Ok((launch, variant)),
        Err(unmet) => Err(refused(problem, format!("variant '{name}' cannot run here: {unmet}"))),
    }
}

/// Records one problem: inputs, then outputs, each bound from its byte offset. Of the variants that
/// read these buffers as they are (as storage textures or not), the preferred one runs.
///
/// # Errors
/// Those of [`Gpu::dispatch`], and [`GpuError::Shader`] when no variant runs.
pub fn run(gpu: &Gpu, problem: &dyn Problem, buffers: &[(&Buffer, u64)]) -> Result<(), GpuError> {
    let textures = textures(buffers);
    let choices = gpu.cache::<Choices>();
    let tuned = gpu.has_preferences();
    let launch = match choices.get(problem, textures, tuned) {
        Some(launch) => launch,
        None => {
            let variants = problem.variants(gpu.capabilities());
            let (launch, _) = preferred(gpu, problem, variants, |v| reads(v) == textures)?;
            choices.insert(problem, textures, tuned, launch)
        }
    };
    launch.record(gpu, problem, buffers)
}

/// As [`run`], with a given variant; without one, the preferred of all.
///
/// # Errors
/// Those of [`Gpu::dispatch`], and [`GpuError::Shader`] when the variant does not exist or apply.
pub fn run_variant(
    gpu: &Gpu,
    problem: &dyn Problem,
    buffers: &[(&Buffer, u64)],
    variant: Option<&str>,
) -> Result<(), GpuError> {
    choose(gpu, problem, variant)?.0.record(gpu, problem, buffers)
}

/// A bit for each input that is a storage texture.
fn textures(buffers: &[(&Buffer, u64)]) -> u32 {
    buffers
        .iter()
        .enumerate()
        .filter(|(_, (buffer, _))| buffer.is_storage_texture())
        .map(|(i, _)| 1 << i)
        .sum()
}

/// [`textures`], as a variant reads its inputs.
fn reads(variant: &Variant) -> u32 {
    variant.panels.map_or(0, |(input, _)| 1 << input)
}

fn refused(problem: &dyn Problem, message: String) -> GpuError {
    GpuError::Shader { name: problem.kernel().to_owned(), message }
}

/// Runs the trial of a usable variant that needs one; if it failed, that is why the variant cannot run.
fn put_to_trial(gpu: &Gpu, variant: &mut Variant) {
    if variant.usable()
        && let Err(unmet) = trial::passed(gpu, variant)
    {
        variant.plan = Err(unmet);
    }
}

/// Of the usable variants that `fit`, the one that was measured to be the fastest on this device (see
/// [`Gpu::preference`], by [`Problem::label`]), else the first.
fn preferred(
    gpu: &Gpu,
    problem: &dyn Problem,
    mut variants: Vec<Variant>,
    fit: impl Fn(&Variant) -> bool,
) -> Result<(Launch, Variant), GpuError> {
    variants.retain(|v| v.usable() && fit(v));
    if gpu.has_preferences() {
        let label = problem.label();
        let tuned = gpu.preference(&label);
        // Stable: the others keep their order.
        variants.sort_by_key(|v| Some(v.name) != tuned);
    }
    variants.sort_by_key(|v| gpu.rank(v.name));
    for mut variant in variants {
        put_to_trial(gpu, &mut variant);
        if let Ok(launch) = Launch::new(problem, &variant) {
            return Ok((launch, variant));
        }
    }
    Err(refused(problem, format!("no variant of {} runs on this device", problem.label())))
}

/// Launches of a type of problem that are remembered; when there are more, they are forgotten.
const MOST: usize = 256;

/// The launches that were chosen on a device, by problem.
#[derive(Default)]
struct Choices(Mutex<Chosen>);

#[derive(Default)]
struct Chosen {
    /// Whether the device had its preferences when these were chosen.
    tuned: bool,
    by_type: HashMap<TypeId, Vec<Choice>>,
}

struct Choice {
    problem: Box<dyn ProblemKey>,
    textures: u32,
    launch: Arc<Launch>,
}

impl Choices {
    fn get(&self, problem: &dyn Problem, textures: u32, tuned: bool) -> Option<Arc<Launch>> {
        let chosen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chosen.tuned != tuned {
            return None;
        }
        let same = |choice: &&Choice| choice.textures == textures && choice.problem.equals(problem.as_any());
        let found = chosen.by_type.get(&problem.as_any().type_id())?.iter().find(same)?;
        Some(Arc::clone(&found.launch))
    }

    fn insert(&self, problem: &dyn Problem, textures: u32, tuned: bool, launch: Launch) -> Arc<Launch> {
        let launch = Arc::new(launch);
        let mut chosen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chosen.tuned != tuned {
            *chosen = Chosen { tuned, by_type: HashMap::new() };
        }
        let choices = chosen.by_type.entry(problem.as_any().type_id()).or_default();
        if choices.len() >= MOST {
            choices.clear();
        }
        choices.push(Choice { problem: problem.to_key(), textures, launch: Arc::clone(&launch) });
        launch
    }
}
