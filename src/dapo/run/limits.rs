//! The numbers that a training run can have.

use super::RunConfig;

impl RunConfig {
    /// Checks that every number is one that a run can have.
    ///
    /// # Errors
    /// A message with the field, its value and what it may be.
    pub fn check(&self) -> Result<(), String> {
        let (schedule, adam, learner) = (&self.training, &self.optimiser, &self.learner);
        let sizes = [
            ("training.batch", Some(schedule.batch), 1, 1_000_000),
            ("training.epochs", Some(schedule.epochs), 0, 1_000_000),
            ("training.steps", schedule.steps, 0, 1_000_000_000),
            ("training.checkpoint_every", Some(schedule.checkpoint_every), 1, 1_000_000_000),
            ("training.micro_batch", schedule.micro_batch, 1, 1_000_000),
            ("training.image_size", schedule.image_size, 1, 8192),
            ("learner.prompt_sets", Some(learner.prompt_sets), 1, 1000),
            ("learner.context_length", Some(learner.context_length), 1, 1000),
            ("learner.layer_tokens", Some(learner.layer_tokens), 1, 1000),
            ("learner.text_depth", learner.text_depth, 0, 1000),
            ("learner.visual_depth", learner.visual_depth, 0, 1000),
            ("learner.overwrite_from", learner.overwrite_from, 0, 1000),
        ];
        for (field, value, least, most) in sizes {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                return Err(format!("{field} is {value}: expected a whole number from {least} to {most}"));
            }
        }
        let (losses, rates) = (&learner.losses, &learner.rates);
        let most = 1000.0;
        let numbers = [
            ("optimiser.learning_rate", adam.learning_rate, 0.0, 1.0),
            ("optimiser.beta1", adam.beta1, 0.0, 1.0f32.next_down()),
            ("optimiser.beta2", adam.beta2, 0.0, 1.0f32.next_down()),
            ("optimiser.epsilon", adam.epsilon, f32::MIN_POSITIVE, 1.0),
            ("optimiser.weight_decay", adam.weight_decay, 0.0, most),
            ("learner.alpha", learner.alpha, 0.0, 1.0),
            ("learner.temperature", learner.temperature, 1e-4, most),
            ("learner.token_scale", learner.token_scale, 0.0, most),
            ("learner.losses.image", losses.image, 0.0, most),
            ("learner.losses.focal", losses.focal, 0.0, most),
            ("learner.losses.dice_normal", losses.dice_normal, 0.0, most),
            ("learner.losses.dice_defect", losses.dice_defect, 0.0, most),
            ("learner.rates.words", rates.words, 0.0, most),
            ("learner.rates.text_tokens", rates.text_tokens, 0.0, most),
            ("learner.rates.visual_tokens", rates.visual_tokens, 0.0, most),
            ("learner.rates.adapters", rates.adapters, 0.0, most),
        ];
        match numbers.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            None => Ok(()),
            Some((field, value, least, most)) => {
                Err(format!("{field} is {value}: expected a number from {least} to {most}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dapo::learner::Method;

    #[test]
    fn numbers_that_no_run_can_have_are_named() {
        let cases = [
            ("[learner]\nprompt_sets = 1000000000000000000", "learner.prompt_sets is 1000000000000000000"),
            ("[learner]\nprompt_sets = 20000", "from 1 to 1000"),
            ("[learner]\nprompt_sets = 0", "learner.prompt_sets"),
            ("[learner]\nlayer_tokens = 4000000000000000000", "learner.layer_tokens"),
            ("[learner]\noverwrite_from = 9223372036854775807", "learner.overwrite_from"),
            ("[learner]\nalpha = nan", "learner.alpha is NaN"),
            ("[learner]\ntemperature = 0.0", "learner.temperature"),
            ("[learner]\ntoken_scale = inf", "learner.token_scale"),
            ("[learner.rates]\nwords = -1.0", "learner.rates.words"),
            ("[training]\nepochs = 9223372036854775807", "training.epochs"),
            ("[training]\nbatch = 9223372036854775807", "training.batch"),
            ("[training]\nbatch = 0", "training.batch"),
            ("[training]\nimage_size = 1048576", "training.image_size"),
            ("[training]\nmicro_batch = 0", "training.micro_batch"),
            ("[training]\ncheckpoint_every = 9223372036854775807", "training.checkpoint_every"),
            ("[training]\nsteps = 9223372036854775807", "training.steps"),
            ("[optimiser]\nlearning_rate = 1e30", "optimiser.learning_rate is 1"),
            ("[optimiser]\nbeta1 = 1.0", "optimiser.beta1"),
            ("[optimiser]\nepsilon = 0.0", "optimiser.epsilon"),
        ];
        for (text, words) in cases {
            let error = RunConfig::from_toml(text, None).and_then(|run| run.check()).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
        for method in [Method::Dapo, Method::AnomalyClip, Method::MultiAds] {
            RunConfig::from_toml("", Some(method)).and_then(|run| run.check()).expect("the defaults");
        }
    }
}
