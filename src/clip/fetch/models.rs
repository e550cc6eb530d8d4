//! Models whose files and checksums are known.

use super::types::{RemoteFile, Source};

/// A model that can be fetched by name.
#[derive(Debug, Clone, Copy)]
pub struct KnownModel {
    /// Short name.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Download size in megabytes.
    pub megabytes: u32,
    /// Where its files are.
    pub sources: &'static [Source<'static>],
}

impl KnownModel {
    /// The model called `name`.
    pub fn find(name: &str) -> Option<&'static KnownModel> {
        KNOWN_MODELS.iter().find(|model| model.name == name)
    }
}

/// Most bytes of the weights; each of these models has 1.71 GB.
const WEIGHTS: u64 = 1_800_000_000;
/// Most bytes of a tokenizer; CLIP's has 2.2 MB.
const TOKENS: u64 = 8 << 20;
/// Most bytes of a configuration.
const SETTINGS: u64 = 1 << 16;

const fn file(name: &'static str, sha256: &'static str, max_bytes: u64) -> RemoteFile<'static> {
    RemoteFile { name, sha256: Some(sha256), blob: None, max_bytes }
}

/// All of CLIP's own models share this file.
pub(super) const TOKENIZER: RemoteFile<'static> =
    file("tokenizer.json", "a83e0809aa4c3af7208b2df632a7a69668c6d48775b3c3fe4e1b1199d1f8b8f4", TOKENS);

pub(super) const OPENAI_L14: &str = "openai/clip-vit-large-patch14";
pub(super) const OPENAI_L14_REVISION: &str = "32bd64288804d66eefd0ccbe215aa642df71cc41";

/// The models; the first is the one that DAPO was published with.
///
/// OpenAI's own repository of ViT-L/14 at 336 px has no safetensors file on its main branch, only
/// pickles, so the same weights come from timm's, in the open_clip layout.
pub const KNOWN_MODELS: &[KnownModel] = &[
    KnownModel {
        name: "vit-l-14-336",
        about: "OpenAI CLIP ViT-L/14 at 336 px, the backbone of the published results",
        megabytes: 1714,
        sources: &[
            Source {
                repo: "timm/vit_large_patch14_clip_336.openai",
                revision: "81e38efc4637de5023b10e75a7f9bd1c6fa6b010",
                files: &[
                    RemoteFile {
                        name: "open_clip_config.json",
                        sha256: None,
                        blob: None,
                        max_bytes: SETTINGS,
                    },
                    file(
                        "open_clip_model.safetensors",
                        "fbc415c3d0d7b79faed8f5ccfb740c32b7c4f5ffe7283b851f89c6231c01a8e0",
                        WEIGHTS,
                    ),
                ],
            },
            Source { repo: OPENAI_L14, revision: OPENAI_L14_REVISION, files: &[TOKENIZER] },
        ],
    },
    KnownModel {
        name: "vit-l-14",
        about: "OpenAI CLIP ViT-L/14 at 224 px",
        megabytes: 1713,
        sources: &[Source {
            repo: OPENAI_L14,
            revision: OPENAI_L14_REVISION,
            files: &[
                file(
                    "config.json",
                    "8a09b467700c58138c29d53c605b34ebc69beaadd13274a8a2af8ad2c2f4032a",
                    SETTINGS,
                ),
                file(
                    "preprocessor_config.json",
                    "910e70b3956ac9879ebc90b22fb3bc8a75b6a0677814500101a4c072bd7857bd",
                    SETTINGS,
                ),
                file(
                    "model.safetensors",
                    "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
                    WEIGHTS,
                ),
                TOKENIZER,
            ],
        }],
    },
];
