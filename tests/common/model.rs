//! A tiny CLIP in the Hugging Face layout, and the ways to break it.

use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

const WIDTH: usize = 16;
const PATCH: usize = 8;
const IMAGE: usize = 32;
const TEXT_WIDTH: usize = 16;
/// Long enough for a prompt in single letters.
const CONTEXT: usize = 64;
const EMBED: usize = 12;
const LAYERS: usize = 2;

/// Edge of the images that [`Tiny`] sees.
pub const IMAGE_SIZE: usize = IMAGE;

/// Tensors by name: shape and values.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A model folder before it is written; tests change what they like.
pub struct Tiny {
    pub config: Value,
    pub tensors: Tensors,
    pub tokenizer: Value,
}

impl Tiny {
    /// A valid model with made-up weights of sensible size.
    pub fn new() -> Self {
        let tokenizer = tokenizer();
        let vocab = tokenizer["model"]["vocab"].as_object().expect("a vocabulary").len();
        Self { config: config(vocab), tensors: tensors(vocab), tokenizer }
    }

    /// Writes the folder with weights of type `dtype` (F32 or F16).
    pub fn write(&self, folder: &Path, dtype: Dtype) {
        std::fs::create_dir_all(folder).expect("a writable folder");
        std::fs::write(folder.join("config.json"), self.config.to_string()).expect("a config");
        std::fs::write(folder.join("tokenizer.json"), self.tokenizer.to_string()).expect("a tokenizer");
        write_weights(&folder.join("model.safetensors"), &self.tensors, dtype);
    }
}

/// Writes [`Tiny::new`] with float32 weights.
pub fn write_tiny(folder: &Path) {
    Tiny::new().write(folder, Dtype::F32);
}

/// Writes tensors as a safetensors file.
pub fn write_weights(path: &Path, tensors: &Tensors, dtype: Dtype) {
    let stored: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            let bytes = match dtype {
                Dtype::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
                Dtype::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                other => panic!("{other:?} is not written here"),
            };
            (name, shape, bytes)
        })
        .collect();
    let views = stored.iter().map(|(name, shape, bytes)| {
        (*name, TensorView::new(dtype, (*shape).clone(), bytes).expect("a whole tensor"))
    });
    safetensors::serialize_to_file(views, None, path).expect("a writable file");
}

/// Writes a file with the given safetensors header, valid or not.
pub fn write_raw(path: &Path, length: u64, header: &str, data: &[u8]) {
    let file = [&length.to_le_bytes(), header.as_bytes(), data].concat();
    std::fs::write(path, file).expect("a writable file");
}

fn config(vocab: usize) -> Value {
    json!({
        "model_type": "clip",
        "projection_dim": EMBED,
        "vision_config": {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS,
            "num_attention_heads": 2, "image_size": IMAGE, "patch_size": PATCH, "hidden_act": "quick_gelu"},
        "text_config": {"hidden_size": TEXT_WIDTH, "intermediate_size": 4 * TEXT_WIDTH,
            "num_hidden_layers": LAYERS, "num_attention_heads": 2, "vocab_size": vocab,
            "max_position_embeddings": CONTEXT, "eos_token_id": vocab - 1, "hidden_act": "quick_gelu"},
    })
}

/// Every printable ASCII character inside a word and at its end, and no merges.
fn tokenizer() -> Value {
    let letters = || ('!'..='~').map(String::from);
    let tokens = letters()
        .chain(letters().map(|l| l + "</w>"))
        .chain(["<|startoftext|>", "<|endoftext|>"].map(String::from));
    let vocab: BTreeMap<String, usize> = tokens.zip(0..).collect();
    let special = |content: &str| {
        json!({"id": vocab[content], "content": content, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": true})
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special("<|startoftext|>"), special("<|endoftext|>")],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "behavior": "Removed", "invert": true,
             "pattern": {"Regex": "[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"}},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
        "post_processor": null, "decoder": null,
        "model": {"type": "BPE", "dropout": null, "unk_token": "<|endoftext|>",
            "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": []},
    })
}

fn tensors(vocab: usize) -> Tensors {
    let mut made = Made::default();
    let grid = IMAGE / PATCH;
    let vision = "vision_model.embeddings.";
    made.noise(format!("{vision}class_embedding"), &[WIDTH], 0.5);
    made.noise(format!("{vision}patch_embedding.weight"), &[WIDTH, 3, PATCH, PATCH], 0.1);
    made.noise(format!("{vision}position_embedding.weight"), &[1 + grid * grid, WIDTH], 0.5);
    made.norm("vision_model.pre_layrnorm", WIDTH); // spelt so in every such file
    made.norm("vision_model.post_layernorm", WIDTH);
    made.noise("visual_projection.weight".into(), &[EMBED, WIDTH], 0.3);
    let text = "text_model.embeddings.";
    made.noise(format!("{text}token_embedding.weight"), &[vocab, TEXT_WIDTH], 0.5);
    made.noise(format!("{text}position_embedding.weight"), &[CONTEXT, TEXT_WIDTH], 0.5);
    made.norm("text_model.final_layer_norm", TEXT_WIDTH);
    made.noise("text_projection.weight".into(), &[EMBED, TEXT_WIDTH], 0.3);
    for layer in 0..LAYERS {
        made.block(&format!("vision_model.encoder.layers.{layer}."), WIDTH);
        made.block(&format!("text_model.encoder.layers.{layer}."), TEXT_WIDTH);
    }
    // An inverse temperature of 10 keeps probabilities away from 0 and 1.
    made.tensors.insert("logit_scale".into(), (vec![], vec![10.0_f32.ln()]));
    made.tensors
}

/// Tensors in the making, from one stream of reproducible noise.
#[derive(Default)]
struct Made {
    tensors: Tensors,
    state: u32,
}

impl Made {
    /// Evenly distributed in ±`scale` (a linear congruential generator, Numerical Recipes' constants).
    fn noise(&mut self, name: String, shape: &[usize], scale: f32) {
        let mut next = || {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let values = (0..shape.iter().product()).map(|_| scale * next()).collect();
        self.tensors.insert(name, (shape.to_vec(), values));
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.noise(format!("{name}.weight"), &[width], 0.2);
        self.noise(format!("{name}.bias"), &[width], 0.1);
        if let Some((_, values)) = self.tensors.get_mut(&format!("{name}.weight")) {
            values.iter_mut().for_each(|v| *v += 1.0);
        }
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.noise(format!("{name}.weight"), &[outputs, inputs], 0.4);
        self.noise(format!("{name}.bias"), &[outputs], 0.1);
    }

    fn block(&mut self, prefix: &str, width: usize) {
        self.norm(&format!("{prefix}layer_norm1"), width);
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            self.linear(&format!("{prefix}self_attn.{part}"), width, width);
        }
        self.norm(&format!("{prefix}layer_norm2"), width);
        self.linear(&format!("{prefix}mlp.fc1"), 4 * width, width);
        self.linear(&format!("{prefix}mlp.fc2"), width, 4 * width);
    }
}
