#!/usr/bin/env python3
"""What --precision f16 changes: evaluations in float32 and with float16 factors, image by image.

    python3 tools/half_precision.py target/release/dapo-wgpu [--photos DIR --object NAME] [--models ViT-B/16 ...]

The embedded model on generated images of all objects, and on photos in MVTec-AD layout if they are given; with --models
full-size architectures with random weights, as tools/check_full_size.py makes them (needs torch), on a few generated
images. Runs on the lavapipe of Debian sid, which has matrix units of 8 x 8 (tools/with-mesa.sh fetches it), or with --here
on this machine's own device. Runs are kept in out/half-precision and not repeated.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import compare_runs

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "half-precision"


def evaluate(launcher, data, name, options):
    """The two runs on one set of images, and what they say of each other."""
    runs = []
    for precision in ["f32", "f16"]:
        run = OUT / f"{name}-{precision}"
        runs.append(run)
        if not (run / "metrics.json").is_file():
            command = [*launcher, "eval", "--data", data, "--out", run, "--precision", precision, *options]
            # Texels are what a software device prefers to its matrix units.
            environment = {**os.environ, "DAPO_NO_TEXELS": "1"}
            subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL, env=environment)
    print(f"{name}: {compare_runs.compare(*runs)}", flush=True)


def generate(program, name, options):
    folder = OUT / name
    if not folder.is_dir():
        subprocess.run([program, "synth", "--out", folder, "--seed", "11", "--train-good", "0", *options], check=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--photos", type=Path, help="photos in MVTec-AD layout")
    parser.add_argument("--object", help="what they show")
    parser.add_argument("--models", nargs="+", default=[], help="architectures with random weights, such as ViT-B/16")
    parser.add_argument("--here", action="store_true", help="on this machine's own device")
    args = parser.parse_args()
    program = args.program.resolve()
    OUT.mkdir(parents=True, exist_ok=True)
    launcher = [program] if args.here else [ROOT / "tools" / "with-mesa.sh", "sid", "lvp", program]

    evaluate(launcher, generate(program, "generated", ["--test-good", "24", "--per-defect", "3"]), "nano-generated", [])
    if args.photos:
        options = ["--object", args.object] if args.object else []
        evaluate(launcher, args.photos, f"nano-{args.photos.name}", options)
    if args.models:
        import check_full_size

        few = ["--objects", "metal nut", "--test-good", "6", "--per-defect", "1"]
        data = generate(program, "few", few)
        for model in args.models:
            name = model.replace("/", "-")
            folder = OUT / "models" / name
            if not (folder / "config.json").is_file():
                folder.mkdir(parents=True, exist_ok=True)
                check_full_size.write_model(model, folder, "f16")
            evaluate(launcher, data, name, ["--model", folder])


if __name__ == "__main__":
    main()
