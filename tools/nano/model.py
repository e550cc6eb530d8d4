"""A small CLIP in plain PyTorch whose parameter names are those of Hugging Face's `CLIPModel`.

Because the module tree carries the published names, `state_dict()` *is* the file that we ship and any
CLIP loader reads it without a special case. The mathematics is stock CLIP: pre-LN blocks, QuickGELU,
a causal text tower pooled at the end-of-text token, a vision tower with a class token and `pre_layrnorm`
(the misspelling is Hugging Face's own and part of the file format).
"""

import json
import math
import os
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

NANO = {
    "text": {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2, "max_position_embeddings": 32},
    "vision": {
        "hidden_size": 128,
        "num_hidden_layers": 6,
        "num_attention_heads": 2,
        "image_size": 128,
        "patch_size": 8,
    },
    "projection_dim": 128,
}


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(width, width))

    def forward(self, x, causal):
        b, n, d = x.shape
        # One matrix product instead of three, with the 1/sqrt(head) scale folded into the small weight.
        scale = (d // self.heads) ** -0.5
        weight = torch.cat((self.q_proj.weight * scale, self.k_proj.weight, self.v_proj.weight))
        bias = torch.cat((self.q_proj.bias * scale, self.k_proj.bias, self.v_proj.bias))
        qkv = F.linear(x, weight, bias).view(b, n, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        # Written out: PyTorch's fused attention is twice as slow on a CPU in bfloat16 at these sizes.
        scores = q @ k.transpose(-1, -2)
        if causal:
            scores = scores + torch.full((n, n), float("-inf"), dtype=x.dtype).triu(1)
        out = torch.softmax(scores, -1) @ v
        return self.out_proj(out.transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        # QuickGELU h*sigmoid(1.702h) = silu(1.702h)/1.702: moving the constant into the weights leaves one fused op.
        h = F.silu(F.linear(x, self.fc1.weight * 1.702, self.fc1.bias * 1.702))
        return F.linear(h, self.fc2.weight / 1.702, self.fc2.bias)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = Attention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x, causal):
        x = x + self.self_attn(self.layer_norm1(x), causal)
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, width, heads, layers):
        super().__init__()
        self.layers = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x, causal=False, keep=()):
        """With `keep`, numbers of blocks counted from 1, also the states after them."""
        states = []
        for number, layer in enumerate(self.layers, 1):
            x = layer(x, causal)
            if number in keep:
                states.append(x)
        return (x, states) if keep else x


class VisionEmbeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, patch = c["hidden_size"], c["patch_size"]
        self.patch = patch
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.02)
        self.patch_embedding = nn.Conv2d(3, width, patch, patch, bias=False)
        self.position_embedding = nn.Embedding((c["image_size"] // patch) ** 2 + 1, width)

    def forward(self, pixels, keep=None):
        """Pixels [B,3,H,W] -> tokens [B,1+N,D]; `keep` [B,n] holds the patch numbers to go on with (all if absent)."""
        b, _, h, w = pixels.shape
        p = self.patch
        # The strided convolution as unfold + matrix product: the same numbers, much faster on a CPU.
        tokens = pixels.view(b, 3, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5).reshape(b, -1, 3 * p * p)
        tokens = F.linear(tokens, self.patch_embedding.weight.flatten(1))
        positions = resample_positions(self.position_embedding.weight, h // p, w // p)
        tokens = tokens + positions[1:]
        if keep is not None:
            tokens = tokens.gather(1, keep[:, :, None].expand(-1, -1, tokens.shape[2]))
        cls = (self.class_embedding + positions[0]).expand(b, 1, -1)
        return torch.cat((cls, tokens), 1)


def resample_positions(table, rows, cols):
    """Position table [1+g*g, d] for a rows x cols patch grid; the class position is left as it is."""
    grid = math.isqrt(table.shape[0] - 1)
    if (rows, cols) == (grid, grid):
        return table
    square = table[1:].T.reshape(1, -1, grid, grid)
    square = F.interpolate(square, (rows, cols), mode="bicubic", antialias=True, align_corners=False)
    return torch.cat((table[:1], square[0].flatten(1).T))


class VisionModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        width = c["hidden_size"]
        self.embeddings = VisionEmbeddings(c)
        self.pre_layrnorm = nn.LayerNorm(width)
        self.encoder = Encoder(width, c["num_attention_heads"], c["num_hidden_layers"])
        self.post_layernorm = nn.LayerNorm(width)

    def forward(self, pixels, keep=None):
        return self.post_layernorm(self.encoder(self.pre_layrnorm(self.embeddings(pixels, keep))))


class TextEmbeddings(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.token_embedding = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.position_embedding = nn.Embedding(c["max_position_embeddings"], c["hidden_size"])

    def forward(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class TextModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        width = c["hidden_size"]
        self.embeddings = TextEmbeddings(c)
        self.encoder = Encoder(width, c["num_attention_heads"], c["num_hidden_layers"])
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, ids):
        # CLIP pools at the end-of-text token, which has the highest id of all.
        x = self.encoder(self.embeddings(ids), causal=True)
        return self.final_layer_norm(x[torch.arange(len(ids)), ids.argmax(1)])


class Clip(nn.Module):
    """`config` has the keys of Hugging Face's `CLIPConfig` (see `full_config`)."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        t, v, p = config["text_config"], config["vision_config"], config["projection_dim"]
        self.text_model, self.vision_model = TextModel(t), VisionModel(v)
        self.text_projection = nn.Linear(t["hidden_size"], p, bias=False)
        self.visual_projection = nn.Linear(v["hidden_size"], p, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config["logit_scale_init_value"]))
        self._init(t, v)

    def _init(self, t, v):
        for name, p in self.named_parameters():
            if p.ndim < 2:
                if name.endswith("bias"):
                    nn.init.zeros_(p)
            elif "embedding.weight" in name and "patch" not in name:
                nn.init.normal_(p, std=0.02)
            else:
                c = v if name.startswith("visi") or name.startswith("visual") else t
                fan = p[0].numel()
                depth = (
                    (2 * c["num_hidden_layers"]) ** -0.5 if name.endswith(("out_proj.weight", "fc2.weight")) else 1.0
                )
                nn.init.normal_(p, std=depth * fan**-0.5)

    def image_and_states(self, pixels, layers):
        """As `image`, and the patches' states after some blocks, [B,N,D] each; the last may be short of a block."""
        vision = self.vision_model
        x, states = vision.encoder(vision.pre_layrnorm(vision.embeddings(pixels)), keep=layers)
        tokens = F.normalize(self.visual_projection(vision.post_layernorm(x)).float(), dim=-1)
        return tokens[:, 0], tokens[:, 1:], [state[:, 1:].float() for state in states]

    def image(self, pixels, keep=None):
        """Pixels [B,3,H,W] (already normalised) -> class feature [B,P] and patch features [B,N,P], both unit length."""
        tokens = F.normalize(self.visual_projection(self.vision_model(pixels, keep)).float(), dim=-1)
        return tokens[:, 0], tokens[:, 1:]

    def text(self, ids):
        """Token ids [B,L] -> unit-length features [B,P]."""
        return F.normalize(self.text_projection(self.text_model(ids)).float(), dim=-1)


def full_config(vocab_size, shape=NANO):
    """A complete `CLIPConfig` dictionary for the given sizes; start-of-text and end-of-text are the last two ids."""
    common = {
        "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "initializer_factor": 1.0,
        "projection_dim": shape["projection_dim"],
    }
    text = {
        "model_type": "clip_text_model",
        "vocab_size": vocab_size,
        **shape["text"],
        "intermediate_size": 4 * shape["text"]["hidden_size"],
        **common,
        "bos_token_id": vocab_size - 2,
        "eos_token_id": vocab_size - 1,
        "pad_token_id": vocab_size - 1,
    }
    vision = {
        "model_type": "clip_vision_model",
        "num_channels": 3,
        **shape["vision"],
        "intermediate_size": 4 * shape["vision"]["hidden_size"],
        **common,
    }
    return {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "torch_dtype": "float16",
        "projection_dim": shape["projection_dim"],
        "logit_scale_init_value": 2.6592,
        "initializer_factor": 1.0,
        "text_config": text,
        "vision_config": vision,
    }


def preprocessor_config(size):
    """What `CLIPImageProcessor` needs to squash to size x size as this model expects."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"height": size, "width": size},
        "resample": 3,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(MEAN),
        "image_std": list(STD),
        "do_convert_rgb": True,
    }


def _replace(path, text):
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def export(model, tokenizer, folder):
    """Write the Hugging Face folder: float16 weights, configuration, tokenizer, preprocessor; each file atomically."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.detach().to("cpu", torch.float16).contiguous().clone() for k, v in model.state_dict().items()}
    temporary = folder / "model.safetensors.part"
    save_file(state, temporary, metadata={"format": "pt"})
    os.replace(temporary, folder / "model.safetensors")
    _replace(folder / "config.json", json.dumps(model.config, indent=2) + "\n")
    size = model.config["vision_config"]["image_size"]
    _replace(folder / "preprocessor_config.json", json.dumps(preprocessor_config(size), indent=2) + "\n")
    _replace(folder / "tokenizer.json", tokenizer.to_str(pretty=False) + "\n")


def load(folder):
    """Read a folder written by `export` (or any QuickGELU CLIP in Hugging Face layout) back into a `Clip`."""
    folder = Path(folder)
    model = Clip(json.loads((folder / "config.json").read_text()))
    state = {k: v.float() for k, v in load_file(folder / "model.safetensors").items() if not k.endswith("position_ids")}
    model.load_state_dict(state)
    return model.eval()
