"""Writes a ViT-B/16 CLIP folder in Hugging Face layout with random weights (345 MB)."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from common import values
from safetensors.numpy import save_file

NANO = Path(__file__).resolve().parents[3] / "weights" / "dapo-nano"
LAYERS, WIDTH, EMBED = 12, 768, 512
TEXT = 64  # width of the text tower: as small as the loader takes, it is never run


def tensors(vocab, context):
    """Every tensor of the model: noise of a size that keeps activations near 1."""
    made = {}

    def noise(name, *shape, scale):
        made[name] = np.float32(scale) * values(100 + len(made), *shape)

    def norm(name, width):
        noise(f"{name}.weight", width, scale=0.1)
        made[f"{name}.weight"] += np.float32(1)
        noise(f"{name}.bias", width, scale=0.1)

    def linear(name, outputs, inputs, gain=1.0):
        noise(f"{name}.weight", outputs, inputs, scale=gain * (3 / inputs) ** 0.5)
        noise(f"{name}.bias", outputs, scale=0.1)

    def tower(prefix, layers, width):
        for i in range(layers):
            at = f"{prefix}.encoder.layers.{i}"
            norm(f"{at}.layer_norm1", width)
            for part in "q_proj", "k_proj", "v_proj", "out_proj":
                linear(f"{at}.self_attn.{part}", width, width)
            norm(f"{at}.layer_norm2", width)
            linear(f"{at}.mlp.fc1", 4 * width, width)
            linear(f"{at}.mlp.fc2", width, 4 * width)

    vision = "vision_model"
    noise(f"{vision}.embeddings.class_embedding", WIDTH, scale=0.5)
    noise(f"{vision}.embeddings.patch_embedding.weight", WIDTH, 3, 16, 16, scale=0.06)
    noise(f"{vision}.embeddings.position_embedding.weight", 197, WIDTH, scale=0.5)
    norm(f"{vision}.pre_layrnorm", WIDTH)  # spelt so in every such file
    norm(f"{vision}.post_layernorm", WIDTH)
    noise("visual_projection.weight", EMBED, WIDTH, scale=0.06)
    tower(vision, LAYERS, WIDTH)
    text = "text_model"
    noise(f"{text}.embeddings.token_embedding.weight", vocab, TEXT, scale=0.5)
    noise(f"{text}.embeddings.position_embedding.weight", context, TEXT, scale=0.5)
    norm(f"{text}.final_layer_norm", TEXT)
    noise("text_projection.weight", EMBED, TEXT, scale=0.2)
    tower(text, 1, TEXT)
    made["logit_scale"] = np.float32(2.6592)
    return {name: np.ascontiguousarray(v, np.float32) for name, v in made.items()}


def write(folder):
    """Writes the folder unless it is complete."""
    config = json.loads((NANO / "config.json").read_text())
    text = config["text_config"]
    text |= {
        "hidden_size": TEXT,
        "intermediate_size": 4 * TEXT,
        "num_hidden_layers": 1,
        "projection_dim": EMBED,
    }
    config["projection_dim"] = EMBED
    config["vision_config"] |= {
        "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": LAYERS,
        "num_attention_heads": 12, "image_size": 224, "patch_size": 16, "projection_dim": EMBED,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "config.json").exists():
        return
    save_file(tensors(text["vocab_size"], text["max_position_embeddings"]), folder / "model.safetensors")
    shutil.copy(NANO / "tokenizer.json", folder)
    (folder / "config.json").write_text(json.dumps(config, indent=1))  # last: marks it complete


if __name__ == "__main__":
    write(Path(sys.argv[1]))
