#!/usr/bin/env python3
"""Makes tests/goldens from reference outputs of independent PyTorch implementations.

    python3 tools/shrink_goldens.py REFERENCE_DIR [--out tests/goldens] [--quick]

REFERENCE_DIR holds tiny CLIP models with random float16 weights and what PyTorch computed with them:
`hf_quick` and `hf_gelu` (Hugging Face layout), `dapo_a` (open_clip layout), `clip_tokenizer.json` and
`prompt_ids.json`.

The models are small but for their token table of 49,408 rows, all zero except those that the texts
use. The copies keep the rows in use only, with ids renumbered in the same order (so that the end
token still has the largest id), and a `tokenizer.json` with the part of CLIP's vocabulary and merges
that leads to them. Weights stay the float16 numbers they are.

The images of REFERENCE_DIR are photos that must not be passed on, so the copies get pictures drawn
here. Their features come from `reference_clip.py` in float64, once it has been shown to agree with
every output of REFERENCE_DIR; text features and resampled positions are the original ones.

`hf_quick` is made only with --quick: with it the folder would exceed 6 MB, and what it covers is
covered by `open_clip` (QuickGELU), which the tests also rewrite to the Hugging Face layout.
Needs: pip install torch numpy pillow safetensors tokenizers.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from reference_clip import load_clip, read_images
from safetensors.numpy import load_file, save

PROMPTS = ["a photo of a metal nut with scratch.", "a photo of a flawless object"]
# What the learner's prompts are made of (tools/dapo_reference.py).
WORDS_OF_LEARNER = ["X flawless anomaly object bent scratch faulty imprint discoloration"]
START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+")


def derivation(word, ranks):
    """The pieces that byte-pair encoding meets on the way to `word`'s tokens, and the merges used."""
    pieces = [*word[:-1], word[-1] + "</w>"]
    seen, used = set(pieces), set()
    while len(pieces) > 1:
        pairs = list(zip(pieces, pieces[1:]))
        best = min(pairs, key=lambda p: ranks.get(p, len(ranks)))
        if best not in ranks:
            break
        used.add(best)
        joined, i = [], 0
        while i < len(pieces):
            if tuple(pieces[i : i + 2]) == best:
                joined.append("".join(best))
                i += 2
            else:
                joined.append(pieces[i])
                i += 1
        pieces = joined
        seen.update(pieces)
    return pieces, seen, used


def small_tokenizer(full, texts, rows):
    """The part of `full` that encodes `texts`, and the old id of every new one, in order."""
    vocab = full["model"]["vocab"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in full["model"]["merges"]]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    by_id = {i: token for token, i in vocab.items()}
    tokens, used = {by_id[i] for i in rows} | {START, END, by_id[0]}, set()
    for text in texts:
        for word in WORDS.findall(text.lower()):
            _, seen, pairs = derivation(word, ranks)
            tokens |= seen
            used |= pairs
    old = sorted(vocab[t] for t in tokens)
    new = {by_id[o]: n for n, o in enumerate(old)}
    small = json.loads(json.dumps(full))
    small["model"]["vocab"] = new
    small["model"]["merges"] = [list(m) for m in merges if m in used]
    for added in small["added_tokens"]:
        added["id"] = new[added["content"]]
    # The post-processor repeats the ids of the special tokens; the program adds those itself.
    small["post_processor"] = None
    return small, old


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def picture(width, height, channels, seed):
    """Brushed metal with spots, a seam and a little noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    shade = 120 + 40 * np.sin(x / 7.3) + 25 * np.sin(y / 31.0 + x / 53.0) + 60 * (np.abs(x - 0.7 * y) < 2.5)
    for _ in range(6):
        at_x, at_y, radius = random.uniform(0, width), random.uniform(0, height), random.uniform(3, 15)
        shade -= 90 * np.exp(-(((x - at_x) ** 2 + (y - at_y) ** 2) / radius**2))
    layers = [shade * factor + random.integers(-3, 4, shade.shape) for factor in (1, 0.8, 1.25)[:channels]]
    data = np.clip(np.stack(layers, -1), 0, 255).astype(np.uint8)
    return Image.fromarray(data[..., 0] if channels == 1 else data)


def agree(name, ours, theirs):
    """Stops unless `ours` is `theirs` but for float32 rounding."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    error = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    print(f"  {name}: reference_clip.py differs by {error:.1e}")
    if not error < 2e-6:
        raise SystemExit(f"{name}: reference_clip.py does not agree with the reference outputs")


def shrink(reference, folder, out, layout, checks, kept, sizes):
    """One model: compacted weights, configuration, tokenizer, pictures and expectations.

    `checks`: (name, pixels, expected features) of the original images. `kept`: expectations to copy,
    `text` among them. `sizes`: name of an expectation and the image size it is for.
    """
    print(out)
    out.mkdir(parents=True, exist_ok=True)
    source = reference / folder
    table, weights_name, config_name = layout
    weights = load_file(source / weights_name)
    rows = np.flatnonzero(np.abs(weights[table].astype(np.float32)).sum(1))
    full = json.loads((reference / "clip_tokenizer.json").read_text(encoding="utf-8"))
    tokenizer, old = small_tokenizer(full, PROMPTS + (WORDS_OF_LEARNER if folder == "dapo_a" else []), rows)
    weights[table] = np.ascontiguousarray(weights[table][old])
    (out / weights_name).write_bytes(save(weights))

    config = json.loads((source / config_name).read_text(encoding="utf-8"))
    if "text_config" in config:
        text = config["text_config"]
        text["vocab_size"] = len(old)
        text["bos_token_id"], text["eos_token_id"] = len(old) - 2, len(old) - 1
    else:
        config["model_cfg"]["text_cfg"]["vocab_size"] = len(old)
    write_json(out / config_name, config)
    write_json(out / "tokenizer.json", tokenizer)

    renumber = {o: n for n, o in enumerate(old)}
    ids = json.loads((reference / "prompt_ids.json").read_text())
    ids = np.array([[renumber[i] for i in row] for row in ids], dtype=np.int32)
    model = load_clip(out, torch.float64)
    for name, pixels, features in checks:
        agree(name, model.image(torch.from_numpy(pixels).double())[0], features)
    agree("text", model.text(torch.from_numpy(ids).long()), kept["text"])

    names = [out / "0.png", out / "1.png"]
    for name, made in zip(names, [picture(123, 274, 1, 0), picture(207, 135, 3, 1)]):
        made.save(name, optimize=True)
    expected = {"ids": ids, **kept, "pixels": read_images(names, sizes[0][1]).numpy()}
    for name, size in sizes:
        expected[name] = model.image(read_images(names, size).double())[0].float().numpy()
    contiguous = {k: np.ascontiguousarray(v) for k, v in expected.items()}
    (out / "expected.safetensors").write_bytes(save(contiguous))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("--out", type=Path, default=Path("tests/goldens"))
    parser.add_argument("--quick", action="store_true", help="make hf_quick too")
    args = parser.parse_args()
    reference = args.reference

    table = "text_model.embeddings.token_embedding.weight"
    layout = (table, "model.safetensors", "config.json")
    for name in ["hf_gelu"] + ["hf_quick"] * args.quick:
        want = load_file(reference / name / "expected.safetensors")
        checks = [("image", want["pixels"], want["image"])]
        shrink(reference, name, args.out / name, layout, checks, {"text": want["text"]}, [("image", 64)])

    want = load_file(reference / "dapo_a" / "expected_stock.safetensors")
    larger = load_file(reference / "dapo_a" / "expected.safetensors")["in.pixels"]
    layout = ("token_embedding.weight", "open_clip_model.safetensors", "open_clip_config.json")
    checks = [
        ("image", want["pixels_64"], want["image_features_64"]),
        ("image_96", larger, want["image_features_96"]),
    ]
    kept = {"text": want["text_features"], "pos_embed_96": want["pos_embed_96"]}
    sizes = [("image", 64), ("image_96", 96)]
    shrink(reference, "dapo_a", args.out / "open_clip", layout, checks, kept, sizes)


if __name__ == "__main__":
    with torch.no_grad():
        main()
