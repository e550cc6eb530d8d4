#!/usr/bin/env python3
"""Makes tests/goldens from reference outputs of independent PyTorch implementations.

    python3 tools/shrink_goldens.py REFERENCE_DIR [--out tests/goldens] [--quick]

REFERENCE_DIR holds tiny CLIP models with random float16 weights, the images they were run on, and
what PyTorch computed: `hf_quick` and `hf_gelu` (Hugging Face layout), `dapo_a` (open_clip layout),
`clip_tokenizer.json` and `prompt_ids.json`.

The models are small but for their token table of 49,408 rows, all zero except those that the texts
use. The copies keep the rows in use only, with ids renumbered in the same order (so that the end
token still has the largest id), and a `tokenizer.json` with the part of CLIP's vocabulary and merges
that leads to them. Weights stay the float16 numbers they are.

`hf_quick` is made only with --quick: with it the folder would exceed 6 MB, and what it covers is
covered by `open_clip` (QuickGELU), which the tests also rewrite to the Hugging Face layout.
"""

import argparse
import json
import re
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

PROMPTS = ["a photo of a metal nut with scratch.", "a photo of a flawless object"]
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


def shrink(source, out, table, weights_name, config_name, expected, images, reference):
    """One model: weights with a compacted table, configuration, tokenizer, images, expectations."""
    out.mkdir(parents=True, exist_ok=True)
    weights = load_file(source / weights_name)
    rows = np.flatnonzero(np.abs(weights[table].astype(np.float32)).sum(1))
    full = json.loads((reference / "clip_tokenizer.json").read_text(encoding="utf-8"))
    tokenizer, old = small_tokenizer(full, PROMPTS, rows)
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
    expected["ids"] = np.array([[renumber[i] for i in row] for row in ids], dtype=np.int32)
    wanted = {k: np.ascontiguousarray(v) for k, v in expected.items()}
    (out / "expected.safetensors").write_bytes(save(wanted))
    for image in images:
        shutil.copyfile(image, out / image.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("--out", type=Path, default=Path("tests/goldens"))
    parser.add_argument("--quick", action="store_true", help="make hf_quick too")
    args = parser.parse_args()

    for name in ["hf_gelu"] + ["hf_quick"] * args.quick:
        source = args.reference / name
        want = load_file(source / "expected.safetensors")
        # One image's pixels are enough to check the pre-processing.
        expected = {"pixels": want["pixels"][:1], "image": want["image"], "text": want["text"]}
        shrink(
            source,
            args.out / name,
            "text_model.embeddings.token_embedding.weight",
            "model.safetensors",
            "config.json",
            expected,
            [source / "0.png", source / "1.png"],
            args.reference,
        )

    source = args.reference / "dapo_a"
    want = load_file(source / "expected_stock.safetensors")
    expected = {
        "pixels": want["pixels_64"][:1],
        "image": want["image_features_64"],
        "image_96": want["image_features_96"],
        "pos_embed_96": want["pos_embed_96"],
        "text": want["text_features"],
    }
    shrink(
        source,
        args.out / "open_clip",
        "token_embedding.weight",
        "open_clip_model.safetensors",
        "open_clip_config.json",
        expected,
        sorted(source.glob("images/[0-9].png")),
        args.reference,
    )


if __name__ == "__main__":
    main()
