"""Compares the crate's resizing and decoding with Pillow, bit by bit.

    cargo build --example check_images
    python tools/check_images.py target/debug/examples/check_images

Needs Pillow 13 or later, whose order of passes the crate follows, and NumPy. Resizing must be equal everywhere. Decoded pixels must be equal for lossless
formats; for JPEG and lossy WebP the largest difference is reported (two decoders may round differently).
"""

import itertools
import os
import random
import struct
import subprocess
import sys
import tempfile

import numpy as np
import PIL
from PIL import Image

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


class Crate:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def resize(self, image, size, bicubic):
        head = b"R" + bytes([CHANNELS[image.mode], bicubic]) + struct.pack("<4I", *image.size, *size)
        self.process.stdin.write(head + image.tobytes())
        self.process.stdin.flush()
        return self.process.stdout.read(size[0] * size[1] * CHANNELS[image.mode])

    def load(self, path):
        self.process.stdin.write(b"L" + struct.pack("<I", len(path)) + path.encode())
        self.process.stdin.flush()
        channels, width, height = struct.unpack("<3I", self.process.stdout.read(12))
        if channels == 0:
            return self.process.stdout.read(width).decode()
        data = self.process.stdout.read(width * height * channels)
        return np.frombuffer(data, np.uint8).reshape(height, width, channels)


def random_image(rng, mode, size):
    """Noise, or steps between the extremes, where overshoot and clipping are strongest."""
    shape = (size[1], size[0], CHANNELS[mode])
    data = rng.integers(0, 256, shape, dtype=np.uint8)
    if rng.random() < 0.5:
        data = np.where(data > 127, 255, 0).astype(np.uint8)
    if mode in ("LA", "RGBA") and rng.random() < 0.5:
        data[..., -1] = rng.integers(0, 256, shape[:2], dtype=np.uint8)
    return Image.fromarray(data[..., 0] if mode == "L" else data, mode)


def check_resize(crate):
    rng = np.random.default_rng(0)
    pick = random.Random(0)
    sides = [1, 2, 3, 5, 7, 16, 31, 64, 100, 127, 224, 333, 518]
    sizes = list(itertools.product(sides, repeat=2))
    cases = [(a, b) for a in [(1, 1), (1, 9), (9, 1), (64, 64)] for b in pick.sample(sizes, 40)]
    cases += [(pick.choice(sizes), pick.choice(sizes)) for _ in range(400)]
    cases += [((1920, 1080), (518, 518)), ((2500, 11), (518, 518)), ((4000, 3000), (336, 336))]
    wrong = 0
    for from_size, to_size in cases:
        for mode in CHANNELS:
            image = random_image(rng, mode, from_size)
            for bicubic, method in enumerate((Image.BILINEAR, Image.BICUBIC)):
                if crate.resize(image, to_size, bicubic) != image.resize(to_size, method).tobytes():
                    wrong += 1
                    print("DIFFERS", mode, from_size, to_size, method)
    print(f"Pillow {PIL.__version__}, resize: {len(cases) * 8} cases, {wrong} differ")
    return wrong


def smooth(size, channels, rng):
    y, x = np.mgrid[: size[1], : size[0]]
    waves = [128 + 100 * np.sin(x / (5 + 3 * c) + y / (9 - c)) for c in range(channels)]
    data = np.stack(waves, -1) + rng.normal(0, 6, (size[1], size[0], channels))
    return np.clip(data, 0, 255).astype(np.uint8)


def check_decode(crate, folder):
    rng = np.random.default_rng(1)
    size = (53, 37)
    rgb = Image.fromarray(smooth(size, 3, rng))
    gray = Image.fromarray(smooth(size, 1, rng)[..., 0])
    rgba = Image.fromarray(smooth(size, 4, rng), "RGBA")
    palette = rgb.quantize(17)
    gray16 = Image.fromarray(rng.integers(0, 65536, size[::-1], dtype=np.uint16))
    cases = []
    for name, image in [("rgb", rgb), ("l", gray), ("rgba", rgba), ("la", rgba.convert("LA"))]:
        for ext in ("png", "tiff", "webp"):
            cases.append((f"{name}.{ext}", image, {"lossless": True} if ext == "webp" else {}))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        cases.append((f"{compression}.tif", rgb, {"compression": compression}))
    for ext in ("bmp", "ppm"):
        cases += [(f"rgb.{ext}", rgb, {}), (f"l.{ext}", gray, {})]
    cases += [("rgba.bmp", rgba, {}), ("p.png", palette, {}), ("p.bmp", palette, {}), ("p.tif", palette, {})]
    cases += [("p_clear.png", palette, {"transparency": 3}), ("rgb_clear.png", rgb, {"transparency": (1, 2, 3)})]
    cases += [("1.png", gray.convert("1"), {}), ("1.tif", gray.convert("1"), {}), ("1.bmp", gray.convert("1"), {})]
    cases += [("p2.png", rgb.quantize(3), {}), ("p4.png", rgb.quantize(11), {}), ("1x1.png", rgb.crop((0, 0, 1, 1)), {})]
    cases += [("16.png", gray16, {}), ("16.tif", gray16, {}), ("cmyk.tif", rgb.convert("CMYK"), {})]
    cases += [("float.tif", Image.fromarray(np.ones((4, 4), np.float32)), {}), ("int.tif", gray.convert("I"), {})]
    for sampling in (0, 1, 2):
        cases.append((f"s{sampling}.jpg", rgb, {"subsampling": sampling, "quality": 90}))
        cases.append((f"s{sampling}p.jpg", rgb, {"subsampling": sampling, "progressive": True}))
    cases += [("l.jpg", gray, {}), ("cmyk.jpg", rgb.convert("CMYK"), {}), ("lossy.webp", rgb, {"quality": 80})]
    cases += [("rgb_kept.jpg", rgb, {"keep_rgb": True}), ("restart.jpg", rgb, {"restart_marker_rows": 1})]
    wrong = 0
    for name, image, options in cases:
        path = os.path.join(folder, name)
        image.save(path, **options)
        ours = crate.load(path)
        if isinstance(ours, str):
            print(f"  {name:14} refused: {ours}")
            continue
        with Image.open(path) as opened:
            if opened.mode.startswith("I;16"):
                # Pillow clips 16 bits; the crate keeps the high byte.
                theirs = (np.asarray(opened).astype(np.int64) >> 8).astype(np.uint8)[..., None]
            elif opened.mode in CHANNELS and "transparency" not in opened.info:
                theirs = np.asarray(opened).reshape(size[1] if "1x1" not in name else 1, -1, CHANNELS[opened.mode])
            else:
                theirs = np.asarray(opened.convert("RGB"))
        if ours.shape != theirs.shape:
            channels = 3 if theirs.shape[-1] == 3 else 1
            print(f"  {name:14} shape {ours.shape}, Pillow {theirs.shape}")
            ours = np.broadcast_to(ours[..., :channels], theirs[..., :channels].shape)
            theirs = theirs[..., :channels]
        difference = np.abs(ours.astype(int) - theirs.astype(int))
        lossy = name.endswith(".jpg") or name == "lossy.webp"
        wrong += bool(difference.max() and not lossy)
        print(f"  {name:14} {ours.shape} max {difference.max()} mean {difference.mean():.4f}")
    print(f"decode: {len(cases)} files, {wrong} lossless ones differ")
    return wrong


if __name__ == "__main__":
    crate = Crate(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(bool(check_resize(crate) + check_decode(crate, folder)))
