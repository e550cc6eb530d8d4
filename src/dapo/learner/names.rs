//! Names of a learner's parameters: those of the official checkpoints.

/// Learned words of the normal prompts, [E, l, width].
pub const NORMAL: &str = "prompt_learner.learnable_normal_tokens";
/// Learned words of the defect prompts, [E, l, width].
pub const DEFECT: &str = "prompt_learner.learnable_abnormal_tokens";
/// Learned tokens of the vision tower, [depth, tokens, width].
pub const VISUAL: &str = "visual_prompt.learnable_visual_tokens";

/// Learned tokens of a layer of the text tower, [tokens, width].
pub fn text_tokens(layer: usize) -> String {
    format!("prompt_learner.learnable_layer_tokens.{layer}")
}

/// Weight [embed_dim, width] and bias `[embed_dim]` of an adapter.
pub fn adapter(index: usize) -> [String; 2] {
    ["weight", "bias"].map(|part| format!("linear_adapter.fc.{index}.{part}"))
}

/// The component that a parameter belongs to; each has its own factor on the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Learned words of the prompts.
    Words,
    /// Layer tokens of the text tower.
    TextTokens,
    /// Layer tokens of the vision tower.
    VisualTokens,
    /// Adapters.
    Adapters,
}

impl Part {
    /// The component of the parameter called `name`.
    pub fn of(name: &str) -> Self {
        match name {
            NORMAL | DEFECT => Self::Words,
            VISUAL => Self::VisualTokens,
            _ if name.starts_with("prompt_learner.") => Self::TextTokens,
            _ => Self::Adapters,
        }
    }
}
