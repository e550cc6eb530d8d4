"""Reading the generator's shards, and augmentation as a few tensor operations on a whole batch."""

import csv
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .model import MEAN, STD


class Shards:
    """All shard folders under `root` (each with images.npy, masks.npy, labels.csv), memory-mapped."""

    def __init__(self, root):
        self.images, self.masks, self.references, self.objects, self.defects, self.where = [], [], [], [], [], []
        for labels in sorted(Path(root).rglob("labels.csv")):
            shard = len(self.images)
            self.images.append(np.load(labels.parent / "images.npy", mmap_mode="r"))
            self.masks.append(np.load(labels.parent / "masks.npy", mmap_mode="r"))
            references = labels.parent / "references.npy"
            self.references.append(np.load(references, mmap_mode="r") if references.exists() else None)
            with open(labels, newline="") as f:
                for row in csv.DictReader(f):
                    self.where.append((shard, int(row["index"])))
                    self.objects.append(row["object"])
                    self.defects.append(row["defect"])
        if not self.where:
            raise SystemExit(f"{root}: no labels.csv below this folder")
        self.object_names = sorted(set(self.objects))
        self.defect_names = sorted(set(self.defects) - {"good"})

    def __len__(self):
        return len(self.where)

    def read(self, indices):
        """uint8 tensors [B,3,H,W] and [B,1,H,W]."""
        images = np.stack([self.images[s][i] for s, i in (self.where[j] for j in indices)])
        masks = np.stack([self.masks[s][i] for s, i in (self.where[j] for j in indices)])
        return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(masks)[:, None]

    def read_references(self, indices):
        """Another good image of each one's product, uint8 [B,3,H,W]; None where the shards have none."""
        where = [self.where[j] for j in indices]
        if any(self.references[s] is None for s, _ in where):
            return None
        return torch.from_numpy(np.stack([self.references[s][i] for s, i in where])).permute(0, 3, 1, 2)


def normalise(x):
    """[B,3,H,W] in 0..1 -> CLIP's mean and standard deviation."""
    return (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def _geometry(x, gen, share):
    """Flips, quarter turns, and for a share of the images a random crop, a little stretched. x holds image and mask."""
    b = len(x)
    u = lambda lo, hi: torch.rand(b, generator=gen) * (hi - lo) + lo
    zoomed = torch.rand(b, generator=gen) < share
    size = torch.where(zoomed, u(0.6, 1.0), torch.ones(b))
    stretch = torch.where(zoomed, u(-0.15, 0.15).exp(), torch.ones(b))
    sx, sy = (size * stretch).clamp(max=1), (size / stretch).clamp(max=1)
    cx, cy = u(-1, 1) * (1 - sx), u(-1, 1) * (1 - sy)
    flip = lambda: torch.where(torch.rand(b, generator=gen) < 0.5, 1.0, -1.0)
    fx, fy, turn = flip(), flip(), (torch.rand(b, generator=gen) < 0.3)
    zero = torch.zeros(b)
    ax, ay = sx * fx, sy * fy
    row_x = torch.stack((torch.where(turn, zero, ax), torch.where(turn, ax, zero), cx), 1)
    row_y = torch.stack((torch.where(turn, ay, zero), torch.where(turn, zero, ay), cy), 1)
    grid = F.affine_grid(torch.stack((row_x, row_y), 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _light(x, gen, keep_colour):
    """Camera and lamp: gray, gamma, contrast, tint, falling-off light, scanner bands, blur, noise."""
    b, _, h, w = x.shape
    n = lambda *s: torch.randn(*s, generator=gen)
    some = lambda p: (torch.rand(b, 1, 1, 1, generator=gen) < p).float()
    gray = some(0.25) * (~keep_colour).float().view(-1, 1, 1, 1)
    x = x + gray * (x.mul(torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True) - x)
    x = x.clamp(1e-3, 1) ** (0.15 * n(b, 1, 1, 1)).exp()
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (0.15 * n(b, 1, 1, 1)).exp() + mean + 0.04 * n(b, 1, 1, 1)
    x = x * (1 + some(0.4) * (1 - gray) * (~keep_colour).float().view(-1, 1, 1, 1) * 0.06 * n(b, 3, 1, 1))
    ys, xs = torch.linspace(-1, 1, h).view(1, 1, h, 1), torch.linspace(-1, 1, w).view(1, 1, 1, w)
    ramp = n(b, 1, 1, 1) * xs + n(b, 1, 1, 1) * ys + n(b, 1, 1, 1) * (xs * xs + ys * ys - 0.66)
    x = x * (some(0.4) * 0.1 * ramp).exp()
    cells = int(torch.randint(8, h, (1,), generator=gen))
    bands = F.interpolate(n(b, 1, 1, cells), (1, w), mode="bilinear", align_corners=False)
    bands = torch.where(
        torch.rand(b, 1, 1, 1, generator=gen) < 0.5, bands.expand(b, 1, h, w), bands.transpose(2, 3).expand(b, 1, h, w)
    )
    x = x * (some(0.15) * 0.06 * bands).exp()
    blur = some(0.15)
    x = x + blur * (F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) - x)
    return (x + some(0.3) * 0.03 * torch.rand(b, 1, 1, 1, generator=gen) * n(b, 3, h, w)).clamp(0, 1)


def augment_references(images, keep_colour, gen):
    """As calm `augment` does, without crops: a reference keeps its scale and orientation."""
    x = images.float().div_(255)
    lit = _light(x, gen, keep_colour)
    return normalise(torch.where(torch.rand(len(x), 1, 1, 1, generator=gen) < 0.15, lit, x))


def augment(images, masks, keep_colour, gen, calm=False, still=0):
    """uint8 [B,3,H,W], [B,1,H,W] -> normalised float images and float masks (0..1). `keep_colour` [B] spares the hue.

    `calm` is for the last part of training: fewer crops, and most images in the light that the generator gave them.
    The first `still` images keep their geometry: they are compared with references.
    """
    x = torch.cat((images, masks), 1).float().div_(255)
    x = torch.cat((x[:still], _geometry(x[still:], gen, 0.2 if calm else 0.5)))
    images, masks = x[:, :3], x[:, 3:]
    lit = _light(images, gen, keep_colour)
    if calm:
        lit = torch.where(torch.rand(len(x), 1, 1, 1, generator=gen) < 0.25, lit, images)
    return normalise(lit), masks
