#!/usr/bin/env python3
"""How far two evaluations of the same images are apart, image by image: python3 tools/compare_runs.py RUN_A RUN_B

Prints the largest and the mean |difference| of the scores, how many images change their type, and how many change sides
of the threshold, from the two images.jsonl of `dapo-wgpu eval`.
"""
import json
import sys


def images(folder):
    with open(f"{folder}/images.jsonl") as file:
        return {row["path"]: row for row in map(json.loads, file)}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    a, b = map(images, sys.argv[1:])
    if a.keys() != b.keys():
        sys.exit(f"error: {sys.argv[1]} and {sys.argv[2]} are not evaluations of the same images")
    pairs = [(a[path], b[path]) for path in a if a[path].get("score") is not None]
    apart = [abs(x["score"] - y["score"]) for x, y in pairs]
    types = sum(x.get("predicted") != y.get("predicted") for x, y in pairs)
    sides = sum((x["score"] >= 0.5) != (y["score"] >= 0.5) for x, y in pairs)
    print(f"{len(pairs)} images: scores differ by at most {max(apart):.2e}, on average by {sum(apart) / len(apart):.2e};")
    print(f"{types} change their type, {sides} change sides of 0.5")


if __name__ == "__main__":
    main()
