//! The architectures of well-known CLIP models, for random weights where only speed matters.

use super::config::{
    Activation, ClipConfig, Layout, OPENAI_MEAN, OPENAI_STD, TextConfig, TextPooling, TowerConfig,
    VisionConfig,
};
use super::transformer::ClipError;

/// Width, layers and heads of a transformer; its MLP is four times as wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tower {
    /// Channels of the residual stream.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
}

impl Tower {
    fn config(self) -> TowerConfig {
        TowerConfig {
            width: self.width,
            layers: self.layers,
            heads: self.heads,
            mlp_width: 4 * self.width,
            layer_norm_eps: 1e-5,
            activation: Activation::QuickGelu,
        }
    }
}

/// A CLIP without its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// Name on the command line: `vit-l-14-336`.
    pub name: &'static str,
    /// Native edge of the images in pixels.
    pub image_size: usize,
    /// Edge of a patch in pixels.
    pub patch_size: usize,
    /// The vision transformer.
    pub vision: Tower,
    /// The text transformer.
    pub text: Tower,
    /// Tokens of a text.
    pub context_length: usize,
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Length of the shared embedding.
    pub embed_dim: usize,
}

const VIT_B: Tower = Tower { width: 768, layers: 12, heads: 12 };
const VIT_L: Tower = Tower { width: 1024, layers: 24, heads: 16 };
const TEXT_B: Tower = Tower { width: 512, layers: 12, heads: 8 };
const TEXT_L: Tower = Tower { width: 768, layers: 12, heads: 12 };

/// OpenAI's vision transformers (Radford et al. 2021, appendix F, table 20) and dapo-nano.
pub const ARCHITECTURES: [Architecture; 5] = [
    openai("vit-b-32", (224, 32), VIT_B, TEXT_B),
    openai("vit-b-16", (224, 16), VIT_B, TEXT_B),
    openai("vit-l-14", (224, 14), VIT_L, TEXT_L),
    openai("vit-l-14-336", (336, 14), VIT_L, TEXT_L),
    Architecture {
        name: super::embedded::NAME,
        image_size: 128,
        patch_size: 8,
        vision: Tower { width: 128, layers: 6, heads: 2 },
        text: Tower { width: 128, layers: 3, heads: 2 },
        context_length: 32,
        vocab_size: 1307,
        embed_dim: 128,
    },
];

/// One of OpenAI's; their shared embedding is as long as the text tower is wide.
const fn openai(
    name: &'static str,
    (image, patch): (usize, usize),
    vision: Tower,
    text: Tower,
) -> Architecture {
    Architecture {
        name,
        image_size: image,
        patch_size: patch,
        vision,
        text,
        context_length: 77,
        vocab_size: 49_408,
        embed_dim: text.width,
    }
}

impl Architecture {
    /// The architecture of this name.
    ///
    /// # Errors
    /// [`ClipError::Request`], which lists the known names.
    pub fn find(name: &str) -> Result<Self, ClipError> {
        let names = || ARCHITECTURES.map(|a| a.name).join(", ");
        ARCHITECTURES
            .into_iter()
            .find(|a| a.name == name)
            .ok_or_else(|| ClipError::Request(format!("no architecture '{name}'; known: {}", names())))
    }

    /// The configuration that a model folder would have.
    pub fn config(&self) -> ClipConfig {
        ClipConfig {
            name: self.name.to_owned(),
            // No file is read; this is the layout of OpenAI's own files.
            layout: Layout::OpenClip,
            vision: VisionConfig {
                tower: self.vision.config(),
                image_size: self.image_size,
                patch_size: self.patch_size,
            },
            text: TextConfig {
                tower: self.text.config(),
                vocab_size: self.vocab_size,
                context_length: self.context_length,
                pooling: TextPooling::ArgmaxId,
            },
            embed_dim: self.embed_dim,
            mean: OPENAI_MEAN,
            std: OPENAI_STD,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::embedded;

    #[test]
    fn parameters_are_as_many_as_published() {
        // Millions of parameters of the released models; a slip in the table moves them by more than one.
        for (name, millions) in
            [("vit-b-32", 151.3), ("vit-b-16", 149.6), ("vit-l-14", 427.6), ("vit-l-14-336", 427.9)]
        {
            let found = parameters(&Architecture::find(name).unwrap()) as f64 / 1e6;
            assert!((found - millions).abs() < 0.1, "{name}: {found}");
        }
    }

    fn parameters(a: &Architecture) -> usize {
        // A block: 3d² + d² for the attention, 8d² for the MLP, their biases, two norms.
        let tower = |t: Tower| t.layers * (12 * t.width * t.width + 13 * t.width);
        let (v, t) = (a.vision.width, a.text.width);
        let cells = (a.image_size / a.patch_size).pow(2);
        let vision = 3 * a.patch_size.pow(2) * v + (2 + cells) * v + 4 * v + v * a.embed_dim;
        let text = (a.vocab_size + a.context_length) * t + 2 * t + t * a.embed_dim;
        tower(a.vision) + vision + tower(a.text) + text + 1
    }

    #[test]
    fn nano_is_the_embedded_model() {
        let folder = embedded::unpack().unwrap();
        let file = ClipConfig::from_folder(&folder).unwrap();
        let ours = Architecture::find(embedded::NAME).unwrap().config();
        assert_eq!((ours.vision, ours.embed_dim), (file.vision, file.embed_dim));
        assert_eq!(ours.text.tower, file.text.tower);
        assert_eq!(ours.text.vocab_size, file.text.vocab_size);
        assert_eq!(ours.text.context_length, file.text.context_length);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = Architecture::find("vit-x").unwrap_err().to_string();
        assert!(message.contains("vit-x") && message.contains("vit-l-14-336, dapo-nano"), "{message}");
    }
}
