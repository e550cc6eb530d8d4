#!/usr/bin/env python3
"""A plain CLIP in PyTorch to check other implementations against, and a writer of full-size random weights.

    python3 tools/reference_clip.py features MODEL --images a.png b.png --texts "a photo of a nut" --out out.safetensors
    python3 tools/reference_clip.py features MODEL --pixels in.safetensors:pixels --ids ids.json --out out.safetensors
    python3 tools/reference_clip.py features MODEL --images a.png --image-size 518 --out out.safetensors
    python3 tools/reference_clip.py random ViT-L/14@336 DIR --seed 1 --dtype f16
    python3 tools/reference_clip.py compare out.safetensors expected.safetensors image:image_features text

`features` reads a folder in Hugging Face layout (config.json, model.safetensors) or in open_clip layout
(open_clip_config.json, open_clip_model.safetensors) and writes float32 `pixels` [B,3,S,S], `image` [B,P] and `patches`
[B,N,P] (the patch tokens through the last layer norm and the projection), `positions` (the resampled table), `ids`
[T,L] and `text` [T,P]; nothing is normalised to unit length. It computes in float32 (or float64 with --f64) and follows
the published definitions step by step rather than quickly. `random` writes seeded weights of the real shapes, so that a
full-size model can be checked without any download. Needs: pip install torch numpy pillow safetensors tokenizers.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]

# name: image size, patch, vision (width, layers, heads), text (width, layers, heads), projection
SHAPES = {
    "ViT-B/32": (224, 32, (768, 12, 12), (512, 12, 8), 512),
    "ViT-B/16": (224, 16, (768, 12, 12), (512, 12, 8), 512),
    "ViT-L/14": (224, 14, (1024, 24, 16), (768, 12, 12), 768),
    "ViT-L/14@336": (336, 14, (1024, 24, 16), (768, 12, 12), 768),
}


def act_quick(x):
    return x * torch.sigmoid(1.702 * x)


class Tower:
    """Pre-LN transformer blocks; `blocks` is a list of dictionaries of tensors with packed q, k, v."""

    def __init__(self, blocks, heads, act, eps):
        self.blocks, self.heads, self.act, self.eps = blocks, heads, act, eps

    def norm(self, x, w, b):
        return F.layer_norm(x, x.shape[-1:], w, b, self.eps)

    def attention(self, x, p, mask):
        b, n, d = x.shape
        q, k, v = F.linear(x, p["qkv_w"], p["qkv_b"]).chunk(3, -1)
        split = lambda t: t.view(b, n, self.heads, d // self.heads).transpose(1, 2)
        scores = split(q) @ split(k).transpose(-1, -2) / math.sqrt(d // self.heads)
        out = (scores + mask).softmax(-1) @ split(v)
        return F.linear(out.transpose(1, 2).reshape(b, n, d), p["out_w"], p["out_b"])

    def __call__(self, x, causal):
        n = x.shape[1]
        mask = torch.full((n, n), -math.inf, dtype=x.dtype).triu(1) if causal else torch.zeros(n, n, dtype=x.dtype)
        for p in self.blocks:
            x = x + self.attention(self.norm(x, p["ln1_w"], p["ln1_b"]), p, mask)
            h = self.act(F.linear(self.norm(x, p["ln2_w"], p["ln2_b"]), p["fc1_w"], p["fc1_b"]))
            x = x + F.linear(h, p["fc2_w"], p["fc2_b"])
        return x


class ReferenceClip:
    """`sizes`: heads of both towers, activation, epsilon; `w`: tensors under the neutral names used below."""

    def __init__(self, w, vision_blocks, text_blocks, vision_heads, text_heads, act, eps=1e-5):
        self.w = w
        self.vision, self.text_tower = Tower(vision_blocks, vision_heads, act, eps), Tower(
            text_blocks, text_heads, act, eps
        )
        self.patch = w["patch"].shape[-1]
        self.image_size = self.patch * math.isqrt(w["vpos"].shape[0] - 1)
        self.context = w["tpos"].shape[0]

    def positions(self, grid):
        """Position table for a grid x grid image: bicubic with antialiasing, the class position untouched."""
        table, own = self.w["vpos"], math.isqrt(self.w["vpos"].shape[0] - 1)
        if own == grid:
            return table
        square = table[1:].T.reshape(1, -1, own, own)
        square = F.interpolate(square, (grid, grid), mode="bicubic", antialias=True, align_corners=False)
        return torch.cat((table[:1], square.reshape(table.shape[1], -1).T))

    def image(self, pixels):
        """[B,3,S,S] -> class feature [B,P] and patch features [B,N,P]."""
        w = self.w
        x = F.conv2d(pixels, w["patch"], stride=self.patch)
        grid = x.shape[-1]
        x = torch.cat((w["cls"].expand(len(x), 1, -1), x.flatten(2).transpose(1, 2)), 1) + self.positions(grid)
        x = self.vision(self.vision.norm(x, w["pre_w"], w["pre_b"]), causal=False)
        x = self.vision.norm(x, w["post_w"], w["post_b"]) @ w["vproj"]
        return x[:, 0], x[:, 1:]

    def text(self, ids):
        """[T,L] -> [T,P], pooled at the highest id (the end of the text)."""
        w = self.w
        x = self.text_tower(w["token"][ids] + w["tpos"][: ids.shape[1]], causal=True)
        x = self.text_tower.norm(x, w["final_w"], w["final_b"])
        return x[torch.arange(len(ids)), ids.argmax(1)] @ w["tproj"]


def from_hf(folder, dtype):
    c = json.loads((folder / "config.json").read_text())
    t = load_file(folder / "model.safetensors")
    t = {k: v.to(dtype) for k, v in t.items() if v.is_floating_point()}

    def blocks(side):
        out = []
        for i in range(c[f"{side}_config"]["num_hidden_layers"]):
            g = lambda n: t[f"{side}_model.encoder.layers.{i}.{n}"]
            out.append(
                {
                    "qkv_w": torch.cat([g(f"self_attn.{n}_proj.weight") for n in "qkv"]),
                    "qkv_b": torch.cat([g(f"self_attn.{n}_proj.bias") for n in "qkv"]),
                    "out_w": g("self_attn.out_proj.weight"),
                    "out_b": g("self_attn.out_proj.bias"),
                    "ln1_w": g("layer_norm1.weight"),
                    "ln1_b": g("layer_norm1.bias"),
                    "ln2_w": g("layer_norm2.weight"),
                    "ln2_b": g("layer_norm2.bias"),
                    "fc1_w": g("mlp.fc1.weight"),
                    "fc1_b": g("mlp.fc1.bias"),
                    "fc2_w": g("mlp.fc2.weight"),
                    "fc2_b": g("mlp.fc2.bias"),
                }
            )
        return out

    w = {
        "patch": t["vision_model.embeddings.patch_embedding.weight"],
        "cls": t["vision_model.embeddings.class_embedding"],
        "vpos": t["vision_model.embeddings.position_embedding.weight"],
        "pre_w": t["vision_model.pre_layrnorm.weight"],
        "pre_b": t["vision_model.pre_layrnorm.bias"],
        "post_w": t["vision_model.post_layernorm.weight"],
        "post_b": t["vision_model.post_layernorm.bias"],
        "vproj": t["visual_projection.weight"].T,
        "tproj": t["text_projection.weight"].T,
        "token": t["text_model.embeddings.token_embedding.weight"],
        "tpos": t["text_model.embeddings.position_embedding.weight"],
        "final_w": t["text_model.final_layer_norm.weight"],
        "final_b": t["text_model.final_layer_norm.bias"],
    }
    v = c["vision_config"]
    act = {"quick_gelu": act_quick, "gelu": F.gelu}[v.get("hidden_act", "quick_gelu")]
    return ReferenceClip(
        w,
        blocks("vision"),
        blocks("text"),
        v["num_attention_heads"],
        c["text_config"]["num_attention_heads"],
        act,
        v.get("layer_norm_eps", 1e-5),
    )


def from_open_clip(folder, dtype):
    c = json.loads((folder / "open_clip_config.json").read_text())
    c = c.get("model_cfg", c)
    t = load_file(folder / "open_clip_model.safetensors")
    t = {k: v.to(dtype) for k, v in t.items() if v.is_floating_point()}

    def blocks(prefix):
        out, i = [], 0
        while f"{prefix}transformer.resblocks.{i}.ln_1.weight" in t:
            g = lambda n: t[f"{prefix}transformer.resblocks.{i}.{n}"]
            out.append(
                {
                    "qkv_w": g("attn.in_proj_weight"),
                    "qkv_b": g("attn.in_proj_bias"),
                    "out_w": g("attn.out_proj.weight"),
                    "out_b": g("attn.out_proj.bias"),
                    "ln1_w": g("ln_1.weight"),
                    "ln1_b": g("ln_1.bias"),
                    "ln2_w": g("ln_2.weight"),
                    "ln2_b": g("ln_2.bias"),
                    "fc1_w": g("mlp.c_fc.weight"),
                    "fc1_b": g("mlp.c_fc.bias"),
                    "fc2_w": g("mlp.c_proj.weight"),
                    "fc2_b": g("mlp.c_proj.bias"),
                }
            )
            i += 1
        return out

    w = {
        "patch": t["visual.conv1.weight"],
        "cls": t["visual.class_embedding"],
        "vpos": t["visual.positional_embedding"],
        "pre_w": t["visual.ln_pre.weight"],
        "pre_b": t["visual.ln_pre.bias"],
        "post_w": t["visual.ln_post.weight"],
        "post_b": t["visual.ln_post.bias"],
        "vproj": t["visual.proj"],
        "tproj": t["text_projection"],
        "token": t["token_embedding.weight"],
        "tpos": t["positional_embedding"],
        "final_w": t["ln_final.weight"],
        "final_b": t["ln_final.bias"],
    }
    width = w["cls"].shape[0]
    heads = width // c["vision_cfg"].get("head_width", 64)
    act = act_quick if c.get("quick_gelu") else F.gelu
    return ReferenceClip(w, blocks("visual."), blocks(""), heads, c["text_cfg"]["heads"], act)


def load_clip(folder, dtype=torch.float32):
    folder = Path(folder)
    if (folder / "config.json").exists():
        return from_hf(folder, dtype)
    if (folder / "open_clip_config.json").exists():
        return from_open_clip(folder, dtype)
    raise SystemExit(f"{folder}: neither config.json (Hugging Face) nor open_clip_config.json is here")


def read_images(paths, size):
    """Squash to size x size with Pillow's bicubic filter, scale to 0..1, normalise as CLIP does."""
    out = []
    for path in paths:
        picture = Image.open(path).resize((size, size), Image.BICUBIC).convert("RGB")
        out.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255)
    return (torch.stack(out) - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def tokenize(path, texts, context):
    from tokenizers import Tokenizer

    tokenizer, rows = Tokenizer.from_file(str(path)), []
    for ids in (e.ids for e in tokenizer.encode_batch(texts)):
        ids = ids if len(ids) <= context else ids[: context - 1] + ids[-1:]
        rows.append(ids + [0] * (context - len(ids)))
    return torch.tensor(rows)


def hf_config(name, vocab, context):
    size, patch, (vw, vl, vh), (tw, tl, th), proj = SHAPES[name]
    common = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "projection_dim": proj}
    return {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": proj,
        "logit_scale_init_value": 2.6592,
        "text_config": {
            "model_type": "clip_text_model",
            "vocab_size": vocab,
            "hidden_size": tw,
            "intermediate_size": 4 * tw,
            "num_hidden_layers": tl,
            "num_attention_heads": th,
            "max_position_embeddings": context,
            "bos_token_id": vocab - 2,
            "eos_token_id": vocab - 1,
            "pad_token_id": vocab - 1,
            **common,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": vw,
            "intermediate_size": 4 * vw,
            "num_hidden_layers": vl,
            "num_attention_heads": vh,
            "num_channels": 3,
            "image_size": size,
            "patch_size": patch,
            **common,
        },
    }


def write_random(name, folder, seed, dtype, vocab=49408, context=77):
    """Seeded weights in the Hugging Face layout, scaled so that activations neither vanish nor explode with depth."""
    size, patch, vision, text, proj = SHAPES[name]
    gen, t = torch.Generator().manual_seed(seed), {}
    normal = lambda std, *shape: torch.randn(*shape, generator=gen) * std

    def tower(side, width, layers):
        for i in range(layers):
            p = f"{side}_model.encoder.layers.{i}."
            for n in ("q", "k", "v", "out"):
                t[f"{p}self_attn.{n}_proj.weight"] = normal(
                    width**-0.5 * ((2 * layers) ** -0.5 if n == "out" else 1), width, width
                )
                t[f"{p}self_attn.{n}_proj.bias"] = normal(0.02, width)
            t[f"{p}mlp.fc1.weight"], t[f"{p}mlp.fc1.bias"] = normal(width**-0.5, 4 * width, width), normal(
                0.02, 4 * width
            )
            t[f"{p}mlp.fc2.weight"] = normal((4 * width) ** -0.5 * (2 * layers) ** -0.5, width, 4 * width)
            t[f"{p}mlp.fc2.bias"] = normal(0.02, width)
            for n in ("layer_norm1", "layer_norm2"):
                t[f"{p}{n}.weight"], t[f"{p}{n}.bias"] = 1 + normal(0.05, width), normal(0.02, width)

    (vw, vl, _), (tw, tl, _) = vision, text
    tower("vision", vw, vl)
    tower("text", tw, tl)
    t["vision_model.embeddings.class_embedding"] = normal(0.5, vw)
    t["vision_model.embeddings.patch_embedding.weight"] = normal((3 * patch * patch) ** -0.5, vw, 3, patch, patch)
    t["vision_model.embeddings.position_embedding.weight"] = normal(0.2, (size // patch) ** 2 + 1, vw)
    t["text_model.embeddings.token_embedding.weight"] = normal(0.5, vocab, tw)
    t["text_model.embeddings.position_embedding.weight"] = normal(0.2, context, tw)
    for n, width in (
        ("vision_model.pre_layrnorm", vw),
        ("vision_model.post_layernorm", vw),
        ("text_model.final_layer_norm", tw),
    ):
        t[f"{n}.weight"], t[f"{n}.bias"] = 1 + normal(0.05, width), normal(0.02, width)
    t["visual_projection.weight"], t["text_projection.weight"] = normal(vw**-0.5, proj, vw), normal(tw**-0.5, proj, tw)
    t["logit_scale"] = torch.tensor(math.log(1 / 0.07))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {k: v.to(dtype).contiguous() for k, v in t.items()}, folder / "model.safetensors", metadata={"format": "pt"}
    )
    (folder / "config.json").write_text(json.dumps(hf_config(name, vocab, context), indent=2) + "\n")


def relative_error(a, b):
    """Largest absolute difference over the largest absolute expected value."""
    return ((a.double() - b.double()).abs().max() / b.double().abs().max()).item()


def features(args):
    dtype = torch.float64 if args.f64 else torch.float32
    model, out = load_clip(args.model, dtype), {}
    size = args.image_size or model.image_size
    if args.images or args.pixels:
        file, _, key = (args.pixels or "").partition(":")
        pixels = load_file(file)[key or "pixels"] if args.pixels else read_images(args.images, size)
        out["pixels"] = pixels.float()
        out["image"], out["patches"] = model.image(pixels.to(dtype))
        out["positions"] = model.positions(pixels.shape[-1] // model.patch)
    if args.texts or args.ids:
        tokenizer = args.tokenizer or Path(args.model) / "tokenizer.json"
        out["ids"] = (
            torch.tensor(json.loads(Path(args.ids).read_text()))
            if args.ids
            else tokenize(tokenizer, args.texts, model.context)
        )
        out["text"] = model.text(out["ids"])
    out = {k: (v if k == "ids" else v.float()).contiguous() for k, v in out.items()}
    save_file(out, args.out)
    print(", ".join(f"{k} {list(v.shape)}" for k, v in out.items()), "->", args.out)


def compare(args):
    ours, theirs, worst = load_file(args.ours), load_file(args.theirs), 0.0
    for pair in args.pairs:
        a, _, b = pair.partition(":")
        error = relative_error(ours[a], theirs[b or a])
        worst = max(worst, error)
        print(f"{a} against {b or a}: relative error {error:.2e}")
    if not worst <= args.tolerance:
        raise SystemExit(f"above the tolerance {args.tolerance:g}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(required=True)
    f = sub.add_parser("features")
    f.add_argument("model"), f.add_argument("--images", nargs="+"), f.add_argument(
        "--pixels", help="FILE.safetensors[:name]"
    )
    f.add_argument("--texts", nargs="+"), f.add_argument("--ids", help="JSON list of token id rows"), f.add_argument(
        "--tokenizer"
    )
    f.add_argument("--image-size", type=int), f.add_argument("--f64", action="store_true"), f.add_argument(
        "--out", required=True
    )
    f.set_defaults(run=features)
    r = sub.add_parser("random")
    r.add_argument("name", choices=SHAPES), r.add_argument("folder"), r.add_argument("--seed", type=int, default=0)
    r.add_argument("--dtype", choices=["f16", "f32"], default="f16")
    r.set_defaults(
        run=lambda a: write_random(a.name, a.folder, a.seed, {"f16": torch.float16, "f32": torch.float32}[a.dtype])
    )
    c = sub.add_parser("compare")
    c.add_argument("ours"), c.add_argument("theirs"), c.add_argument("pairs", nargs="+"), c.add_argument(
        "--tolerance", type=float, default=1e-5
    )
    c.set_defaults(run=compare)
    args = p.parse_args()
    with torch.no_grad():
        args.run(args)


if __name__ == "__main__":
    main()
