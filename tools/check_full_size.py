#!/usr/bin/env python3
"""Full-size architectures with random weights: this program against PyTorch.

    python3 tools/check_full_size.py target/release/dapo-wgpu [--models ViT-B/16 ViT-L/14@336] [--keep DIR]

Writes each model (seeded) in Hugging Face layout with the embedded model's tokenizer, embeds two images and two texts
with both, and prints the relative errors ‖a−b‖/‖b‖, which must not exceed 1e-4. Needs 8 GB of memory and
pip install torch numpy pillow safetensors tokenizers.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "reference_clip.py"
TEXTS = ["a photo of a metal nut with scratch.", "a photo of a flawless object"]
IMAGES = sorted((HERE.parent / "docs" / "samples").glob("*.png"))[:2]


def run(*command):
    started = time.time()
    subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)
    return time.time() - started


def write_model(name, folder, dtype):
    """A whole model with random weights."""
    run(sys.executable, REFERENCE, "random", name, folder, "--seed", 1, "--dtype", dtype)
    shutil.copy(HERE.parent / "weights" / "dapo-nano" / "tokenizer.json", folder / "tokenizer.json")
    config = json.loads((folder / "config.json").read_text())
    # 2 is the legacy value that means "pool at the largest id": our tokenizer has a smaller vocabulary.
    config["text_config"]["eos_token_id"] = 2
    (folder / "config.json").write_text(json.dumps(config))


def check(program, name, folder):
    write_model(name, folder, "f16")
    ours, theirs = folder / "ours.safetensors", folder / "theirs.safetensors"
    a = run(program, "embed", "--model", folder, "--image", *IMAGES, "--text", *TEXTS, "--out", ours)
    b = run(sys.executable, REFERENCE, "features", folder, "--images", *IMAGES, "--texts", *TEXTS, "--out", theirs)
    print(f"{name}: dapo-wgpu {a:.1f} s, PyTorch {b:.1f} s, whole processes with loading", flush=True)
    pairs = ["image_features:image", "text_features:text"]
    return subprocess.run([sys.executable, REFERENCE, "compare", ours, theirs, *pairs, "--tolerance", "1e-4"]).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--models", nargs="+", default=["ViT-B/16", "ViT-L/14@336"])
    parser.add_argument("--keep", type=Path, help="work here and keep the files")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        failed = 0
        for name in args.models:
            folder = (args.keep or Path(temporary)) / name.replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            failed += check(args.program.resolve(), name, folder)
        sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
