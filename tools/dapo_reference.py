#!/usr/bin/env python3
"""DAPO's learner in plain PyTorch, written from the method's description: the independent reference of
`tests/learner.rs`, and the other side of `peers/train_step.py`.

    dapo_reference.py check FOLDER              compare with a folder of reference outputs
    dapo_reference.py make REFERENCE MODEL OUT  make tests/goldens/learner

A FOLDER of reference outputs holds an open_clip model, learner_init.safetensors, meta.json, expected.safetensors and
learner_after4.safetensors. Needs torch and safetensors; `make` also numpy, pillow and tokenizers.
"""
import argparse
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

TAU = 0.07
ALPHA = 0.01


class Clip:
    """A model as a bag of tensors under open_clip's names. Each tower has its number of heads."""

    def __init__(self, weights, vision_heads, text_heads, quick=True):
        self.w = {k: v.float() for k, v in weights.items()}
        self.heads = {"visual": vision_heads, "transformer": text_heads}
        self.quick, self.gelu = quick, (lambda x: x * torch.sigmoid(1.702 * x)) if quick else F.gelu

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], 1e-5)

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def block(self, x, name, mask=None):
        b, t, d = x.shape
        n = self.heads[name.partition(".")[0]]
        h = self.norm(x, name + ".ln_1")
        qkv = F.linear(h, self.w[name + ".attn.in_proj_weight"], self.w[name + ".attn.in_proj_bias"])
        q, k, v = (y.reshape(b, t, n, d // n).transpose(1, 2) for y in qkv.chunk(3, -1))
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, t, d)
        x = x + self.linear(a, name + ".attn.out_proj")
        h = self.gelu(self.linear(self.norm(x, name + ".ln_2"), name + ".mlp.c_fc"))
        return x + self.linear(h, name + ".mlp.c_proj")

    def depth(self, prefix):
        n = 0
        while f"{prefix}{n}.ln_1.weight" in self.w:
            n += 1
        return n


def progressive(clip, x, prefix, tokens, states=None):
    n = tokens[0].shape[0]
    for i in range(clip.depth(prefix)):
        p = tokens[i].expand(x.shape[0], -1, -1)
        if i == 0:
            x = torch.cat([x[:, :1], p, x[:, 1:]], 1)
        else:
            x = torch.cat([x[:, :1], ALPHA * x[:, 1:1 + n] + (1 - ALPHA) * p, x[:, 1 + n:]], 1)
        x = clip.block(x, f"{prefix}{i}")
        if states is not None:
            states.append(torch.cat([x[:, :1], x[:, 1 + n:]], 1))
    return x


def bicubic(n_in, n_out):
    """Rows of weights of the antialiased bicubic filter with a = -1/2."""
    def f(x):
        x = abs(x)
        if x < 1:
            return (1.5 * x - 2.5) * x * x + 1
        return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0
    m = torch.zeros(n_out, n_in, dtype=torch.float64)
    s = n_in / n_out
    stretch = max(s, 1.0)
    for i in range(n_out):
        c = s * (i + 0.5)
        lo, hi = max(int(c - 2 * stretch + 0.5), 0), min(int(c + 2 * stretch + 0.5), n_in)
        for j in range(lo, hi):
            m[i, j] = f((j + 0.5 - c) / stretch)
        m[i] /= m[i].sum()
    return m.float()


class Learner:
    def __init__(self, clip, tensors, size, feature_layers, ids, dead=()):
        self.clip, self.size, self.layers, self.ids = clip, size, feature_layers, ids
        self.p = {k: v.clone().requires_grad_(True) for k, v in tensors.items() if k not in dead}

    def text(self):
        w, p = self.clip.w, self.p
        normal = p["prompt_learner.learnable_normal_tokens"]
        defect = p["prompt_learner.learnable_abnormal_tokens"]
        sets, length = normal.shape[:2]
        rows = []
        for s, ids in enumerate(self.ids):
            e = w["token_embedding.weight"][ids]
            for c in (normal if s == 0 else defect):
                rows.append(torch.cat([e[:1], c, e[1 + length:]]))
        x = torch.stack(rows) + w["positional_embedding"]
        depth = self.clip.depth("transformer.resblocks.")
        tokens = [p[f"prompt_learner.learnable_layer_tokens.{i}"] for i in range(depth)]
        x = self.clip.norm(progressive(self.clip, x, "transformer.resblocks.", tokens), "ln_final")
        at = torch.tensor([max(range(len(i)), key=lambda j: (i[j], -j)) for i in self.ids]).repeat_interleave(sets)
        x = x[torch.arange(len(x)), at] @ w["text_projection"]
        return F.normalize(x.reshape(len(self.ids), sets, -1).mean(1), dim=-1)

    def forward(self, pixels):
        w, p = self.clip.w, self.p
        conv = w["visual.conv1.weight"]
        patch = conv.shape[-1]
        x = F.conv2d(pixels, conv, stride=patch).flatten(2).transpose(1, 2)
        x = torch.cat([w["visual.class_embedding"].expand(len(x), 1, -1), x], 1)
        pos, grid = w["visual.positional_embedding"], self.size // patch
        native = math.isqrt(len(pos) - 1)
        if native != grid:
            m = bicubic(native, grid)
            cells = torch.einsum("ai,bj,ijc->abc", m, m, pos[1:].reshape(native, native, -1))
            pos = torch.cat([pos[:1], cells.reshape(grid * grid, -1)])
        x = self.clip.norm(x + pos, "visual.ln_pre")
        states = []
        x = progressive(self.clip, x, "visual.transformer.resblocks.", p["visual_prompt.learnable_visual_tokens"], states)
        image = F.normalize(self.clip.norm(x[:, 0], "visual.ln_post") @ w["visual.proj"], dim=-1)
        text = self.text()
        abnormal = F.normalize(text[1:].mean(0), dim=-1)
        logits = image @ torch.stack([text[0], abnormal]).T / TAU
        probabilities = []
        for m, layer in enumerate(self.layers):
            g = F.linear(states[layer - 1][:, 1:], p[f"linear_adapter.fc.{m}.weight"], p[f"linear_adapter.fc.{m}.bias"])
            probabilities.append((F.normalize(g, dim=-1) @ text.T / TAU).softmax(-1))
        return image, text, logits, probabilities

    def up(self, s):
        b, n, c = s.shape
        g = math.isqrt(n)
        s = s.transpose(1, 2).reshape(b, c, g, g)
        return F.interpolate(s, (self.size, self.size), mode="bilinear", align_corners=True)

    def losses(self, logits, probabilities, classes, masks):
        image = F.cross_entropy(logits, (classes > 0).long())
        b = masks.float()
        y = (masks * classes[:, None, None]).long()
        local = 0
        for s in probabilities:
            q = self.up(s)
            c = q.shape[1]
            t = F.one_hot(y, c).permute(0, 3, 1, 2).float().clamp(1e-5 / (c - 1), 1 - 1e-5)
            pt = (t * q).sum(1) + 1e-5
            local = local - ((1 - pt) ** 2 * pt.log()).mean()
            for a, g in [(q[:, 0], 1 - b), (q[:, 1:].sum(1), b)]:
                d = (2 * (a * g).sum((1, 2)) + 1) / (a.sum((1, 2)) + g.sum((1, 2)) + 1)
                local = local + (1 - d).mean()
        return image, 4 * local


def worst(a, b):
    return float((a - b).norm() / b.norm().clamp_min(1e-30))


def outputs(learner, pixels, classes, masks):
    image, text, logits, probabilities = learner.forward(pixels)
    total = sum(learner.losses(logits, probabilities, classes, masks))
    total.backward()
    multi = sum(learner.up(s) for s in probabilities)
    out = {"out.image_features": image, "out.text_features": text, "out.image_logits": logits,
           "out.binary_map": multi[:, 1:].sum(1), "out.multi_map": multi}
    out |= {f"out.patch_prob.{m}": s for m, s in enumerate(probabilities)}
    out |= {"grad." + k: v.grad for k, v in learner.p.items()}
    return {k: v.detach().contiguous() for k, v in out.items()}


def adam(learner):
    return torch.optim.Adam(learner.p.values(), lr=1e-3, betas=(0.5, 0.999))


def step(learner, optimiser, pixels, classes, masks):
    """One training step; gives the image loss and the local loss before it."""
    optimiser.zero_grad()
    _, _, logits, probabilities = learner.forward(pixels)
    image, local = learner.losses(logits, probabilities, classes, masks)
    (image + local).backward()
    optimiser.step()
    return image.detach(), local.detach()


def train(learner, pixels, classes, masks, steps):
    optimiser, log = adam(learner), []
    for i in range(steps):
        image, local = step(learner, optimiser, pixels, classes, masks)
        log.append({"step": i, "image_loss": image.item(), "local_loss": local.item(), "total": (image + local).item()})
    return log


# Parts of Hugging Face's names of tensors, and open_clip's.
NAMES = [
    ("text_model.embeddings.token_embedding", "token_embedding"),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ("text_model.encoder.layers", "transformer.resblocks"),
    ("text_model.final_layer_norm", "ln_final"),
    ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
    ("vision_model.embeddings.patch_embedding", "visual.conv1"),
    ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
    ("vision_model.encoder.layers", "visual.transformer.resblocks"),
    ("vision_model.pre_layrnorm", "visual.ln_pre"),
    ("vision_model.post_layernorm", "visual.ln_post"),
    ("layer_norm", "ln_"),
    ("self_attn.out_proj", "attn.out_proj"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
]


def from_hugging_face(tensors):
    """Its tensors under open_clip's names: q, k and v as one, projections transposed."""
    out = {}
    for name, value in tensors.items():
        for theirs, ours in NAMES:
            name = name.replace(theirs, ours)
        out[name] = value
    for name in [n for n in out if ".self_attn.q_proj." in n]:
        parts = [out.pop(name.replace("q_proj", f"{p}_proj")) for p in "qkv"]
        out[name.replace("self_attn.q_proj.", "attn.in_proj_")] = torch.cat(parts)
    out["visual.proj"] = out.pop("visual_projection.weight").T.contiguous()
    out["text_projection"] = out.pop("text_projection.weight").T.contiguous()
    return out


def open_model(folder):
    """A model in either layout, with the heads that its config.json or open_clip_config.json tells."""
    if (folder / "config.json").exists():
        config = json.loads((folder / "config.json").read_text())
        vision, text = config["vision_config"], config["text_config"]
        tensors = from_hugging_face(load_file(folder / "model.safetensors"))
        quick = vision.get("hidden_act", "quick_gelu") == "quick_gelu"
        return Clip(tensors, vision["num_attention_heads"], text["num_attention_heads"], quick)
    config = json.loads((folder / "open_clip_config.json").read_text())
    config = config.get("model_cfg", config)
    vision, text = config["vision_cfg"], config["text_cfg"]
    tensors = load_file(folder / "open_clip_model.safetensors")
    heads = vision["width"] // vision.get("head_width", 64)
    return Clip(tensors, heads, text["heads"], config.get("quick_gelu", False))


def prompts(model, defects, learned, context):
    """Token ids of all states' prompts, normal first, with `learned` places for learned words."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    vocab = tokenizer.get_vocab()
    start, end = vocab["<|startoftext|>"], vocab["<|endoftext|>"]
    place = tokenizer.encode("X", add_special_tokens=False).ids[:1]
    ids = []
    for words in ["flawless object"] + [f"{d} anomaly object" for d in defects]:
        row = [start, *place * learned, *tokenizer.encode(words, add_special_tokens=False).ids, end]
        ids.append(row + [0] * (context - len(row)))
    return ids


def check(folder):
    """The outputs, gradients and losses of a folder of reference outputs against those found here."""
    want = load_file(folder / "expected.safetensors")
    meta = json.loads((folder / "meta.json").read_text())
    init = load_file(folder / "learner_init.safetensors")
    ids = want["out.template_tokens"].long()[:: meta["prompt_sets"]].tolist()
    masks, classes = (want["in.mask_long"][:, 0] > 0).float(), want["in.class_id"].long()
    new = lambda: Learner(open_model(folder), init, meta["size"], meta["feature_layers"], ids)
    for name, value in outputs(new(), want["in.pixels"], classes, masks).items():
        print(f"{worst(value, want[name]):.1e}  {name}")
    learner = new()
    for ours, theirs in zip(train(learner, want["in.pixels"], classes, masks, 4), meta["log"]):
        print(ours, theirs, sep="\n")
    after = load_file(folder / "learner_after4.safetensors")
    print("after four steps:", max(worst(v.detach(), after[k]) for k, v in learner.p.items()))


def draw(path, number, width, height, defect):
    """A grayscale plate with stripes; a bright blob where the mask is."""
    import numpy as np
    from PIL import Image

    y, x = np.mgrid[0:height, 0:width].astype(float)
    random = np.random.default_rng(number)
    shade = 110 + 30 * np.sin(x / (4 + number)) + 20 * np.cos(y / 9) + random.normal(0, 6, x.shape)
    inside = ((x - width * 0.4) / (width * 0.22)) ** 2 + ((y - height * 0.55) / (height * 0.15)) ** 2 < 1
    if defect:
        shade = np.where(inside, shade + 70, shade)
        Image.fromarray((inside * 255).astype("uint8")).save(path / f"{number}_mask.png", optimize=True)
    Image.fromarray(shade.clip(0, 255).astype("uint8")).save(path / f"{number}.png", optimize=True)


def make(reference, model, out):
    """A folder for the tests: drawn images, the learner of REFERENCE, and what it makes of them."""
    import numpy as np
    from PIL import Image

    meta = json.loads((reference / "meta.json").read_text())
    size, defects, classes = meta["size"], meta["defects"], torch.tensor(meta["class_ids"])
    out.mkdir(parents=True, exist_ok=True)
    lines = ["image,mask,defect"]
    for i, (c, shape) in enumerate(zip(meta["class_ids"], [(131, 90), (75, 118), (96, 96), (160, 160)])):
        draw(out, i, *shape, c > 0)
        lines.append(f"{i}.png,{i}_mask.png,{defects[c - 1]}" if c else f"{i}.png,,good")
    (out / "images.csv").write_text("\n".join(lines) + "\n")
    mean, std = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    pixels, masks = [], []
    for i, c in enumerate(meta["class_ids"]):
        image = Image.open(out / f"{i}.png").resize((size, size), Image.BICUBIC).convert("RGB")
        x = torch.from_numpy(np.asarray(image).copy()).float() / 255
        pixels.append(((x - torch.tensor(mean)) / torch.tensor(std)).permute(2, 0, 1))
        mask = np.zeros((size, size), "uint8")
        if c:
            mask = np.asarray(Image.open(out / f"{i}_mask.png").resize((size, size), Image.BILINEAR))
        masks.append(torch.from_numpy((mask == 255).astype("float32")))
    pixels, masks = torch.stack(pixels), torch.stack(masks)

    ids = prompts(model, defects, meta["context_len"], 77)
    init = load_file(reference / "learner_init.safetensors")
    new = lambda: Learner(open_model(model), init, size, meta["feature_layers"], ids)
    found = outputs(new(), pixels, classes, masks)
    # Enough of the large maps to see a mistake in them.
    for name in ["out.binary_map", "out.multi_map"]:
        found[name] = found[name][..., ::5, ::5].contiguous()
    learner = new()
    meta["log"] = train(learner, pixels, classes, masks, 4)
    found |= {f"after4.{k}": v.detach().contiguous() for k, v in learner.p.items()}
    found["in.template_tokens"] = torch.tensor(ids, dtype=torch.int32)
    save_file(found, out / "expected.safetensors")
    save_file(init, out / "learner_init.safetensors")
    (out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    modes.add_parser("check").add_argument("folder", type=Path)
    making = modes.add_parser("make")
    for name in ["reference", "model", "out"]:
        making.add_argument(name, type=Path)
    args = parser.parse_args()
    if args.mode == "check":
        check(args.folder)
    else:
        make(args.reference, args.model, args.out)


if __name__ == "__main__":
    main()
