#!/usr/bin/env python3
"""Figures of 360 maps at 518 x 518 by scikit-learn and scikit-image and by `dapo-wgpu score`, in one run.

    pip install numpy scikit-learn scikit-image
    cargo build --release
    python3 tools/peers/metrics_speed.py --program target/release/dapo-wgpu

The maps are written as .npy to a temporary folder. Python's time begins with the maps in memory; ours is that of the
whole command, reading the maps and masks included. Both have two threads. Python labels the regions once, before its
200 thresholds, and not at each, as evaluation scripts often do.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THREADS = "2"
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = THREADS

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
import skimage  # noqa: E402
from skimage.io import imsave  # noqa: E402
from skimage.measure import label, regionprops  # noqa: E402
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score  # noqa: E402

SIZE = 518
AGREE = 1e-6  # how far exact figures may differ


def make(folder, count, random):
    """An MVTec-AD folder of one product, half of it defective, and its maps. Returns maps and masks."""
    grid = np.mgrid[0:SIZE, 0:SIZE]
    maps, masks = [], []
    for index in range(count):
        defective = index % 2 == 1
        mask = np.zeros((SIZE, SIZE), bool)
        map_ = random.random((SIZE, SIZE), np.float32) * np.float32(0.3)
        for _ in range(random.integers(1, 4) if defective else 0):
            y, x, r = random.integers(40, SIZE - 40), random.integers(40, SIZE - 40), random.integers(5, 35)
            distance = (grid[0] - y) ** 2 + (grid[1] - x) ** 2
            mask |= distance <= r * r
            shift = random.integers(-6, 7, 2)
            bump = np.exp(-((grid[0] - y - shift[0]) ** 2 + (grid[1] - x - shift[1]) ** 2) / (2.0 * r * r))
            map_ += (bump * random.uniform(0.2, 0.7)).astype(np.float32)
        kind = "hole" if defective else "good"
        below = Path("thing") / "test" / kind / f"{index:03}"
        for path in (folder / "data" / below, folder / "maps" / below):
            path.parent.mkdir(parents=True, exist_ok=True)
        imsave(folder / "data" / below.with_suffix(".png"), np.zeros((4, 4), np.uint8), check_contrast=False)
        np.save(folder / "maps" / below.with_suffix(".npy"), map_)
        if defective:
            path = folder / "data" / "thing" / "ground_truth" / kind / f"{index:03}_mask.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            imsave(path, mask.astype(np.uint8) * 255, check_contrast=False)
        maps.append(map_)
        masks.append(mask)
    return np.stack(maps), np.stack(masks)


def f1_max(labels, scores):
    precision, recall, _ = precision_recall_curve(labels, scores)
    with np.errstate(invalid="ignore"):
        return np.nanmax(2 * precision * recall / (precision + recall))


def aupro(maps, masks):
    regions = [(at, *region.coords.T) for at, mask in enumerate(masks) if mask.any()
               for region in regionprops(label(mask, connectivity=2))]
    low, high = float(maps.min()), float(maps.max())
    step = (high - low) / 200
    normal = ~masks
    rates, overlaps = [], []
    for i in range(200):
        # The largest float32 that is not above the threshold: comparing in float64 would take twice the time.
        threshold = low + i * step
        near = np.float32(threshold)
        above = maps > (np.nextafter(near, np.float32(-np.inf)) if float(near) > threshold else near)
        overlaps.append(np.mean([above[region].mean() for region in regions]))
        rates.append(np.count_nonzero(above & normal) / np.count_nonzero(normal))
    rates, overlaps = np.array(rates), np.array(overlaps)
    rates, overlaps = rates[rates < 0.3], overlaps[rates < 0.3]
    return auc((rates - rates.min()) / (rates.max() - rates.min()), overlaps)


def python(maps, masks):
    """Seconds and value of each figure."""
    labels, scores = masks.any(axis=(1, 2)), maps.max(axis=(1, 2))
    flat, truth = maps.ravel(), masks.ravel()
    work = {
        "image_auroc": lambda: roc_auc_score(labels, scores),
        "image_ap": lambda: average_precision_score(labels, scores),
        "image_f1_max": lambda: f1_max(labels, scores),
        "pixel_auroc": lambda: roc_auc_score(truth, flat),
        "pixel_ap": lambda: average_precision_score(truth, flat),
        "pixel_f1_max": lambda: f1_max(truth, flat),
        "aupro": lambda: aupro(maps, masks),
    }
    found = {}
    for name, figure in work.items():
        began = time.perf_counter()
        value = float(figure())
        found[name] = (time.perf_counter() - began, value)
        print(f"{name}: {value:.6f} in {found[name][0]:.2f} s", file=sys.stderr)
    return found


def ours(program, folder, more):
    words = [program, "score", "--predictions", folder / "maps", "--data", folder / "data", "--out", folder / "out", "--json"]
    began = time.perf_counter()
    done = subprocess.run([str(word) for word in words + more], check=True, capture_output=True, text=True)
    return time.perf_counter() - began, json.loads(done.stdout)["products"]["thing"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True, help="dapo-wgpu, built with --release")
    parser.add_argument("--maps", type=int, default=360)
    parser.add_argument("--repeat", type=int, default=3, help="runs of ours; the median counts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maps, masks = make(folder, args.maps, np.random.default_rng(1))
        runs = {"exact": ["--exact"], "streaming": ["--streaming"]}
        ran = {mode: [ours(args.program.resolve(), folder, more) for _ in range(args.repeat)] for mode, more in runs.items()}
        theirs = python(maps, masks)
    total = sum(seconds for seconds, _ in theirs.values())
    print(f"\n{args.maps} maps of {SIZE} x {SIZE}, {THREADS} threads, scikit-learn {sklearn.__version__}, "
          f"scikit-image {skimage.__version__}, load {os.getloadavg()[0]:.1f}\n")
    print("| program | seconds | times as fast | largest difference |\n|---|---|---|---|")
    print(f"| scikit-learn, scikit-image (maps in memory) | {total:.1f} | 1 | – |")
    wrong = False
    for mode, results in ran.items():
        seconds = sorted(seconds for seconds, _ in results)[len(results) // 2]
        found = results[0][1]
        difference = max(abs(found[name] - value) for name, (_, value) in theirs.items())
        bound = max(found.get("bounds", {}).values(), default=0)
        wrong |= difference > AGREE + bound
        print(f"| dapo-wgpu score, {mode} (reading files included) | {seconds:.2f} | {total / seconds:.0f} | {difference:.1e} |")
    if wrong:
        sys.exit("the figures differ by more than they may")


if __name__ == "__main__":
    main()
