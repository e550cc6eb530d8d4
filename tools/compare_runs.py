#!/usr/bin/env python3
"""How far two evaluations of the same images are apart, image by image: python3 tools/compare_runs.py RUN_A RUN_B

Prints the largest and the mean |difference| of the scores, how many images change their type, and how many change sides
of the threshold, from the two images.jsonl of `dapo-wgpu eval`, and how far the mean figures of their metrics.json differ.
"""
import json
import sys
from pathlib import Path

FIGURES = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC", "multi_auroc": "multi-type AUROC"}


def images(folder):
    with open(Path(folder) / "images.jsonl") as file:
        return {row["path"]: row for row in map(json.loads, file)}


def means(folder):
    file = Path(folder) / "metrics.json"
    return json.loads(file.read_text())["mean"] if file.is_file() else {}


def compare(run_a, run_b):
    """Text about the two runs."""
    a, b = images(run_a), images(run_b)
    if a.keys() != b.keys():
        sys.exit(f"error: {run_a} and {run_b} are not evaluations of the same images")
    pairs = [(a[path], b[path]) for path in a if a[path].get("score") is not None]
    apart = [abs(x["score"] - y["score"]) for x, y in pairs]
    types = sum(x.get("predicted") != y.get("predicted") for x, y in pairs)
    sides = sum((x["score"] >= 0.5) != (y["score"] >= 0.5) for x, y in pairs)
    lines = [
        f"{len(pairs)} images: scores differ by at most {max(apart):.2e}, on average by {sum(apart) / len(apart):.2e};",
        f"{types} change their type, {sides} change sides of 0.5",
    ]
    a, b = means(run_a), means(run_b)
    both = [key for key in FIGURES if a.get(key) is not None and b.get(key) is not None]
    if both:
        lines.append("; ".join(f"{FIGURES[key]} {a[key]:.5f} and {b[key]:.5f}" for key in both))
    return "\n".join(lines)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(compare(*sys.argv[1:]))


if __name__ == "__main__":
    main()
