#!/usr/bin/env python3
"""Writes tests/goldens/metrics/figures.json: figures of merit by scikit-learn and scikit-image.

The inputs are those of tests/metrics/maps.rs: integers from a linear congruential generator divided by a power of two,
so that both programs get the same float32 values and none need be stored.

    pip install numpy scikit-learn scikit-image
    python3 tools/metrics_reference.py
"""

import json
import os
import sys

import numpy as np
import skimage
import sklearn
from skimage.measure import label
from sklearn.metrics import (auc, average_precision_score, confusion_matrix, f1_score, precision_recall_curve,
                             roc_auc_score)

UNIT = 1 << 24
WIDTH, HEIGHT = 24, 20


class Lcg:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) % (1 << 32)
        return self.state >> 8


def speckle(random):
    return [random.next() < UNIT // 12 for _ in range(WIDTH * HEIGHT)]


def images(seed, value):
    """Maps [N, H, W] as float32 and masks."""
    random = Lcg(seed)
    maps, masks = [], []
    for _ in range(3):
        mask = speckle(random)
        maps.append([value(random, m) for m in mask])
        masks.append(mask)
    shape = (3, HEIGHT, WIDTH)
    return np.array(maps, np.float64).astype(np.float32).reshape(shape), np.array(masks).reshape(shape)


def noise(random, defective):
    value = random.next() // 2
    return (value + (random.next() // 3 if defective else 0)) / UNIT


def tied(random, defective):
    level = random.next() // (UNIT // 8)
    return (level + (random.next() // (UNIT // 4) if defective else 0)) / 16


def squeezed(random, defective):
    low = random.next() // 512
    return (UNIT // 2 + low + (random.next() // 512 if defective else 0)) / UNIT


def degenerate(random, defective):
    alarm = random.next() < UNIT // 200
    return 1.0 if defective or alarm else 0.0


def blobs():
    side = 64
    random = Lcg(5)
    maps, masks = [], []
    for index in range(8):
        number = lambda below: random.next() % below
        disks = [(8 + number(48), 8 + number(48), 2 + number(6)) for _ in range(0 if index < 2 else 1 + index % 3)]
        bumps = [(x + number(5) - 2, y + number(5) - 2, r + 2, 6 + number(10)) for x, y, r in disks]
        bumps += [(number(64), number(64), 3 + number(4), 1 + number(6)) for _ in range(3)]
        values, mask = [], []
        for i in range(side * side):
            x, y = i % side, i // side
            square = lambda a, b: (x - a) ** 2 + (y - b) ** 2
            mask.append(any(square(a, b) <= r * r for a, b, r in disks))
            highest = max(UNIT // 16 * h * r * r // (r * r + square(a, b)) for a, b, r, h in bumps)
            values.append((highest + random.next() // 32) // 2 / UNIT)
        maps.append(np.array(values, np.float32).reshape(side, side))
        masks.append(np.array(mask).reshape(side, side))
    return np.stack(maps), np.stack(masks)


def types(classes):
    """Channels [N, C, pixels] and classes [N, pixels]."""
    random = Lcg(6)
    maps, truths = [], []
    for index in range(3):
        shown = 1 + index % (classes - 1)
        truth = [shown if m else 0 for m in speckle(random)]
        channels = []
        for channel in range(classes):
            row = []
            for true_class in truth:
                base = random.next() // 2
                row.append((base + (random.next() // 3 if true_class == channel else 0)) / UNIT)
            channels.append(row)
        maps.append(channels)
        truths.append(truth)
    return np.array(maps, np.float64).astype(np.float32), np.array(truths)


def product():
    random = Lcg(7)
    labels = np.array([random.next() < UNIT // 3 for _ in range(300)])
    scores = [(random.next() // (UNIT // 40) + (12 if l else 0)) / 64 for l in labels]
    return np.array(scores, np.float32), labels


def f1_max(labels, scores):
    precision, recall, _ = precision_recall_curve(labels, scores)
    with np.errstate(invalid="ignore"):
        return float(np.nanmax(2 * precision * recall / (precision + recall)))


def aupro(maps, masks):
    """Area under overlap against false-positive rate: 200 thresholds over all maps, rates below 0.3, rescaled."""
    regions = []
    for at, mask in enumerate(masks):
        named = label(mask, connectivity=2)
        regions += [(at, named == name) for name in range(1, named.max() + 1)]
    normal = ~masks
    wide = maps.astype(np.float64)
    low, high = wide.min(), wide.max()
    step = (high - low) / 200
    rates, overlaps = [], []
    for i in range(200):
        above = wide > low + i * step
        overlaps.append(np.mean([above[at][region].mean() for at, region in regions]))
        rates.append((above & normal).sum() / normal.sum())
    rates, overlaps = np.array(rates), np.array(overlaps)
    kept = rates < 0.3
    rates, overlaps = rates[kept], overlaps[kept]
    if len(rates) < 2 or rates.max() == rates.min():
        return None
    return float(auc((rates - rates.min()) / (rates.max() - rates.min()), overlaps))


def ranking(labels, scores):
    return {
        "auroc": float(roc_auc_score(labels, scores)),
        "ap": float(average_precision_score(labels, scores)),
        "f1_max": f1_max(labels, scores),
    }


def pixels(maps, masks):
    return {**ranking(masks.ravel(), maps.ravel()), "aupro": aupro(maps, masks)}


def multi(classes):
    maps, truths = types(classes)
    truth, found = truths.ravel(), maps.argmax(axis=1).ravel()
    channel = lambda c: maps[:, c].ravel()
    each = [
        {
            "auroc": float(roc_auc_score(truth == c, channel(c))),
            "ap": float(average_precision_score(truth == c, channel(c))),
            "f1": float(f1_score(truth == c, found == c)),
            "support": int((truth == c).sum()),
        }
        for c in range(classes)
    ]
    mean = lambda key: float(np.mean([one[key] for one in each]))
    return {
        "auroc": mean("auroc"),
        "ap": mean("ap"),
        "f1": float(f1_score(truth, found, average="macro")),
        "classes": each,
        "confusion": confusion_matrix(truth, found, labels=range(classes)).tolist(),
    }


def main():
    kinds = {"noise": (1, noise), "tied": (2, tied), "squeezed": (3, squeezed), "degenerate": (4, degenerate)}
    maps = {name: images(*how) for name, how in kinds.items()} | {"blobs": blobs()}
    scores, labels = product()
    golden = {
        "made_with": f"scikit-learn {sklearn.__version__}, scikit-image {skimage.__version__}, numpy {np.__version__}",
        "pixels": {name: pixels(*made) for name, made in maps.items()},
        "images": ranking(labels, scores),
        "types": {str(classes): multi(classes) for classes in (2, 4)},
    }
    folder = os.path.join(os.path.dirname(__file__), "..", "tests", "goldens", "metrics")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "figures.json"), "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=1, allow_nan=False)
        file.write("\n")
    json.dump(golden["pixels"], sys.stdout, indent=1)


if __name__ == "__main__":
    main()
