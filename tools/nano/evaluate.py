"""Scores and metrics: how the product uses the model (training-free detection), measured."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from .data import normalise
from .text import encode, ensemble


def auroc(scores, labels):
    """Area under the ROC curve, from the ranks of the scores' bit patterns cut to 24 bits: exact up to ties, O(n)."""
    scores, labels = np.ravel(np.asarray(scores, np.float32)), np.ravel(np.asarray(labels)).astype(bool)
    bits = (scores.view(np.uint32) >> 8).astype(
        np.int64
    )  # scores are >= 0, so the order of bits is the order of values
    low = bits.min()
    positive = np.bincount(bits[labels] - low, minlength=int(bits.max() - low) + 1)
    negative = np.bincount(bits[~labels] - low, minlength=len(positive))
    if not positive.sum() or not negative.sum():
        return float("nan")
    below = np.cumsum(negative) - negative
    return float((positive * (below + 0.5 * negative)).sum() / positive.sum() / negative.sum())


@torch.no_grad()
def class_features(model, tokenizer, obj, defects):
    """Ensembled text features [1+K, P]: normal, then each defect word."""
    rows = []
    for captions in ensemble(obj, defects):
        f = model.text(torch.tensor(encode(tokenizer, captions))).mean(0)
        rows.append(F.normalize(f, dim=0))
    return torch.stack(rows)


@torch.no_grad()
def probabilities(model, pixels, text):
    """Softmax over the classes for the class token [B,C] and every patch [B,N,C]. text: [C,P] or [B,C,P]."""
    cls, patches = model.image(pixels)
    text = text.expand(len(pixels), -1, -1) if text.ndim == 2 else text
    scale = model.logit_scale.exp()
    image = (scale * torch.einsum("bp,bcp->bc", cls, text)).softmax(-1)
    return image, (scale * torch.einsum("bnp,bcp->bnc", patches, text)).softmax(-1)


def top_mean(values, k):
    """Mean of the k largest along dimension 1."""
    return values.topk(min(k, values.shape[1]), dim=1).values.mean(1)


def image_scores(image, patches):
    """Candidate image scores, each [B] in 0..1."""
    cls, patch = 1 - image[:, 0], 1 - patches[..., 0]
    out = {
        "cls": cls,
        "max": patch.amax(1),
        "top4": top_mean(patch, 4),
        "top8": top_mean(patch, 8),
        "top16": top_mean(patch, 16),
    }
    out |= {"cls+max": (cls + out["max"]) / 2, "cls+top4": (cls + out["top4"]) / 2, "cls+top8": (cls + out["top8"]) / 2}
    out["sqrt(cls*top4)"] = (cls * out["top4"]).sqrt()
    return out


def type_scores(image, patches):
    """Candidate rules for the defect type, each [B,K]: the largest wins."""
    cls, defect = image[:, 1:], patches[..., 1:]
    weight = defect.sum(-1, keepdim=True)
    top = weight[..., 0].topk(min(8, weight.shape[1]), 1).indices  # the 8 most anomalous patches decide together
    joint = defect.gather(1, top[..., None].expand(-1, -1, defect.shape[-1])).mean(1)
    squared = (weight * defect).sum(1) / weight.sum(1)
    out = {
        "cls": cls,
        "top4": top_mean(defect, 4),
        "top8": top_mean(defect, 8),
        "joint8": joint,
        "sum": defect.sum(1),
        "weighted": squared,
    }
    # Of what type is a defect here, given that there is one: averaged as logarithms, sure patches counting most.
    given, sure = (defect / weight).clamp(min=1e-6).log(), weight**2
    out["log"] = ((sure * given).sum(1) / sure.sum(1)).exp()
    return out | {f"cls*{k}": cls * out[k] for k in ("top4", "top8", "joint8", "weighted", "log")}


def report_synthetic(model, tokenizer, shards, indices, generic=False, size=None, confusion=False):
    """Metrics on held-out generated images with all defect names; `generic` calls every object "object"."""
    names = shards.defect_names
    words = ["object"] if generic else shards.object_names
    text = {w: class_features(model, tokenizer, w, names) for w in words}
    collected, types, pixel, truth = {}, {}, [], []
    defects = np.array([shards.defects[i] for i in indices])
    for part in np.array_split(np.asarray(indices), max(1, len(indices) // 50)):
        images, masks = shards.read(part)
        pixels = images.float() / 255
        if size:
            pixels = F.interpolate(pixels, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
        t = torch.stack([text[words[0] if generic else shards.objects[i]] for i in part])
        image, patches = probabilities(model, normalise(pixels), t)
        for name, s in image_scores(image, patches).items():
            collected.setdefault(name, []).append(s)
        for name, s in type_scores(image, patches).items():
            types.setdefault(name, []).append(s.argmax(1))
        g = int(patches.shape[1] ** 0.5)
        anomaly = (1 - patches[..., 0]).view(-1, 1, g, g)
        pixel.append(F.interpolate(anomaly, masks.shape[2:], mode="bilinear", align_corners=False).half().numpy())
        truth.append((masks > 127).numpy())
    bad = defects != "good"
    out = {f"image/{k}": auroc(torch.cat(v).numpy(), bad) for k, v in collected.items()}
    pixel, truth = np.concatenate(pixel), np.concatenate(truth)
    out["pixel"] = auroc(pixel, truth)
    wanted = np.array([names.index(d) if d in names else -1 for d in defects])
    out |= {f"type/{k}": float((torch.cat(v).numpy() == wanted)[bad].mean()) for k, v in types.items()}
    if confusion:
        guess, score = torch.cat(types["cls*top4"]).numpy(), torch.cat(collected["cls+top4"]).numpy()
        for k, name in enumerate(names):
            rows = wanted == k
            counts = np.bincount(guess[rows], minlength=len(names))
            worst = [f"{names[j]} {counts[j]}" for j in counts.argsort()[::-1] if j != k and counts[j]][:3]
            sel = rows | ~bad
            print(
                f"  {name:14s} n={rows.sum():4d} image {auroc(score[sel], bad[sel]):.3f}"
                f" pixel {auroc(pixel[sel], truth[sel]):.3f}"
                f" type {counts[k] / max(1, rows.sum()):.2f}; else {', '.join(worst)}",
                flush=True,
            )
    return out


def report_folder(model, tokenizer, folder, obj, defects, limit=60, size=None):
    """Zero-shot metrics on an MVTec-AD layout: image AUROC (all, per defect), pixel AUROC per defect (plus good)."""
    folder, size = Path(folder), size or model.config["vision_config"]["image_size"]
    text = class_features(model, tokenizer, obj, defects)
    rng = np.random.default_rng(0)
    kinds = {}
    for kind in sorted(p.name for p in (folder / "test").iterdir() if p.is_dir()):
        files = sorted(
            p for p in (folder / "test" / kind).iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp")
        )
        files = [files[i] for i in sorted(rng.permutation(len(files))[:limit])]
        scores, types, maps, masks = {}, {}, [], []
        for file in files:
            picture = Image.open(file).convert("RGB")
            pixels = (
                torch.from_numpy(np.array(picture.resize((size, size), Image.BICUBIC))).permute(2, 0, 1)[None].float()
                / 255
            )
            image, patches = probabilities(model, normalise(pixels), text)
            for k, v in image_scores(image, patches).items():
                scores.setdefault(k, []).append(v.item())
            for k, v in type_scores(image, patches).items():
                types.setdefault(k, []).append(defects[v.argmax().item()])
            g = int(patches.shape[1] ** 0.5)
            anomaly = (1 - patches[..., 0]).view(1, 1, g, g)
            maps.append(
                F.interpolate(anomaly, picture.size[::-1], mode="bilinear", align_corners=False).numpy().ravel()
            )
            mask = folder / "ground_truth" / kind / f"{file.stem}_mask.png"
            masks.append(
                np.array(Image.open(mask).convert("L")).ravel() > 127
                if mask.exists()
                else np.zeros(maps[-1].size, bool)
            )
        kinds[kind] = (scores, types, np.concatenate(maps), np.concatenate(masks))
    good, out = kinds.pop("good"), {}
    bad = [k for k in kinds]
    for name in good[0]:
        s = [good[0][name], *(kinds[k][0][name] for k in bad)]
        out[f"image/{name}"] = auroc(
            np.concatenate(s), np.concatenate([np.full(len(v), i > 0) for i, v in enumerate(s)])
        )
    for k in bad:
        both = [np.array(good[0]["cls+top4"]), np.array(kinds[k][0]["cls+top4"])]
        out[f"image[{k}]"] = auroc(np.concatenate(both), np.r_[np.zeros(len(both[0])), np.ones(len(both[1]))])
        out[f"pixel[{k}]"] = auroc(np.concatenate((good[2], kinds[k][2])), np.concatenate((good[3], kinds[k][3])))
    for name in good[1]:
        hits = [t == k for k in bad for t in kinds[k][1][name]]
        out[f"type/{name}"] = float(np.mean(hits))
    return out


def one_line(metrics):
    return "  ".join(f"{k} {v:.3f}" for k, v in metrics.items())
