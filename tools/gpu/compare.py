#!/usr/bin/env python3
"""Our forward passes, products and attention beside PyTorch's on the same GPU, in turns, in at most eight minutes.

    cargo build --release
    python3 tools/gpu/compare.py --out out/gpu                    # with torch for CUDA
    python3 tools/gpu/compare.py --dry-run --out out/gpu-dry-run   # tiny shapes, any device, without torch

Contenders: ours in float32, ours in float32 by splitting on matrix units (DAPO_VARIANTS=split16,split8), ours with
--precision f16; PyTorch in float32 (TF32 off), in TF32, and in float16 with its fused attention. Times are medians: of
device timestamps for ours (of the host's clock for models), of CUDA events for PyTorch. Each round runs every contender
once; the table gives the median of the rounds and each time divided by ours in float32.

Writes table.md and rounds.json. A contender that cannot run is a row that says why.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

WIDTHS = {"vit-b-16": (12, 768, 12, 16, 224), "vit-l-14": (24, 1024, 16, 14, 224), "dapo-nano": (6, 128, 2, 8, 128)}
OURS = {
    "ours f32": {},
    "ours split": {"DAPO_VARIANTS": "split16,split8"},
    "ours f16": {"precision": "f16"},
}
TORCH = ["torch f32", "torch tf32", "torch f16"]


def cases(dry_run):
    """Models (name, image size, batch), products (m, n, k) and attentions (images, tokens, heads, dim)."""
    if dry_run:
        return [("dapo-nano", 128, 1)], [(64, 64, 160)], [(1, 65, 2, 64)]
    models = [("vit-b-16", 224, 1), ("vit-b-16", 224, 8), ("vit-l-14", 518, 1), ("vit-l-14", 518, 8)]
    products = [(197, 768, 768), (577, 1024, 1024), (1370, 1024, 4096), (1370, 4096, 1024), (10960, 4096, 1024)]
    return models, products, [(1, 577, 16, 64), (1, 1370, 16, 64), (8, 1370, 16, 64)]


def label(case):
    names = {3: "product m={} n={} k={}", 4: "attention images={} tokens={} heads={} dim={}"}
    return f"{case[0]} {case[1]} px, batch {case[2]}" if isinstance(case[0], str) else names[len(case)].format(*case)


def ours(program, contender, case, repeat):
    """Median seconds, and the variant or the reason why there is no time."""
    settings = OURS[contender]
    environment = dict(os.environ, **{k: v for k, v in settings.items() if k.startswith("DAPO_")})
    command = [program, "bench", "--json", "--repeat", str(repeat)]
    half = settings.get("precision") == "f16"
    if isinstance(case[0], str):
        arch, size, batch = case
        command += ["--arch", arch, "--image-size", str(size), "--batch", str(batch), "--part", "vision"]
        command += ["--precision", "f16"] if half else []
    elif len(case) == 3:
        command += ["--case", "matmul f32 m={} n={} k={}".format(*case) + (" f16-factors" if half else "")]
    else:
        command += ["--case", "attention f32 images={} tokens={} heads={} dim={}".format(*case)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode:
        return None, (run.stderr.strip().splitlines() or ["failed"])[0]
    report = json.loads(run.stdout)
    timing = report["timings"][0]
    return timing["median"], timing["variant"] + " on " + report["device"]["adapter"]["name"]


class Torch:
    """PyTorch's side: the same shapes with random weights."""

    def __init__(self):
        import torch

        self.torch = torch
        if not torch.cuda.is_available():
            raise RuntimeError("torch sees no CUDA device")
        self.name = f"torch {torch.__version__} on {torch.cuda.get_device_name()}"
        self.made = {}

    def work(self, contender, case):
        torch, f = self.torch, self.torch.nn.functional
        kind = torch.float16 if contender == "torch f16" else torch.float32
        normal = lambda *shape: torch.randn(*shape, device="cuda", dtype=kind) * 0.02
        if isinstance(case[0], str):
            return self.tower(case, normal)
        if len(case) == 3:
            m, n, k = case
            a, b = normal(m, k), normal(n, k)
            return lambda: f.linear(a, b)
        images, tokens, heads, dim = case
        q, k, v = (normal(images, heads, tokens, dim) for _ in range(3))
        return lambda: f.scaled_dot_product_attention(q, k, v)

    def tower(self, case, normal):
        """CLIP's vision tower: patches, class token, positions, pre-norm blocks, the projection of the class token."""
        torch, f = self.torch, self.torch.nn.functional
        arch, size, batch = case
        depth, width, heads, patch, _ = WIDTHS[arch]
        grid = size // patch
        pixels, embed = normal(batch, 3, size, size), normal(width, 3, patch, patch)
        first, positions = normal(1, 1, width), normal(1, grid * grid + 1, width)
        shapes = [(3 * width, width), (width, width), (4 * width, width), (width, 4 * width)]
        blocks = [[(normal(*shape), normal(shape[0])) for shape in shapes] for _ in range(depth)]
        one, zero, project = normal(width) + 1, normal(width), normal(512, width)

        def forward():
            x = f.conv2d(pixels, embed, stride=patch).flatten(2).transpose(1, 2)
            x = torch.cat([first.expand(batch, -1, -1), x], 1) + positions
            x = f.layer_norm(x, (width,), one, zero)
            for qkv, out, up, down in blocks:
                y = f.linear(f.layer_norm(x, (width,), one, zero), *qkv)
                q, k, v = y.view(batch, -1, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
                y = f.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, -1, width)
                x = x + f.linear(y, *out)
                y = f.linear(f.layer_norm(x, (width,), one, zero), *up)
                x = x + f.linear(y * torch.sigmoid(1.702 * y), *down)
            return f.linear(f.layer_norm(x[:, 0], (width,), one, zero), project)

        return forward

    def time(self, contender, case, repeat):
        torch = self.torch
        tf32 = contender == "torch tf32"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        with torch.inference_mode():
            key = (contender, case)
            if key not in self.made:
                self.made = {key: self.work(contender, case)}  # one at a time: weights are large
            work, times = self.made[key], []
            for _ in range(3):
                work()
            for _ in range(repeat):
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record()
                work()
                end.record()
                end.synchronize()
                times.append(begin.elapsed_time(end) / 1e3)
        return statistics.median(times), self.name


def flops(case):
    """Multiply-adds count twice; norms, softmax and activations are left out."""
    if isinstance(case[0], str):
        depth, width, _, patch, _ = WIDTHS[case[0]]
        tokens = (case[1] // patch) ** 2 + 1
        return case[2] * depth * tokens * (24 * width * width + 4 * tokens * width)
    if len(case) == 3:
        return 2 * case[0] * case[1] * case[2]
    return 4 * case[0] * case[2] * case[1] ** 2 * case[3]


def table(found, order, notes):
    lines = ["| case | contender | median ms | TFLOP/s | time ÷ ours f32 |", "|---|---|--:|--:|--:|"]
    for case in order:
        base = found.get((case, "ours f32"))
        for contender in [*OURS, *TORCH]:
            times = found.get((case, contender))
            if not times:
                lines.append(f"| {label(case)} | {contender} | not run: {notes.get((case, contender), '?')} | | |")
                continue
            t = statistics.median(times)
            ratio = f"{t / statistics.median(base):.2f}" if base else ""
            lines.append(f"| {label(case)} | {contender} | {t * 1e3:.3f} | {flops(case) / t / 1e12:.1f} | {ratio} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/dapo-wgpu")
    parser.add_argument("--out", default="out/gpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=460, help="no round begins after this")
    parser.add_argument("--dry-run", action="store_true", help="tiny shapes, any device, without torch")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch, missing = None, "--dry-run"
    if not args.dry_run:
        try:
            torch = Torch()
        except Exception as error:  # whatever keeps torch away is the reason in its rows
            missing = str(error)
    models, products, attentions = cases(args.dry_run)
    order = [*models, *products, *attentions]
    repeat = 2 if args.dry_run else 20
    found, notes, started = {}, {}, time.monotonic()
    for _ in range(1 if args.dry_run else args.rounds):
        for case in order:
            for contender in [*OURS, *TORCH]:
                if time.monotonic() - started > args.seconds:
                    notes.setdefault((case, contender), "out of time")
                    continue
                if contender in OURS:
                    seconds, note = ours(args.program, contender, case, repeat)
                elif torch:
                    try:
                        seconds, note = torch.time(contender, case, repeat)
                    except RuntimeError as error:
                        seconds, note = None, str(error).splitlines()[0]
                else:
                    seconds, note = None, missing
                notes[(case, contender)] = note
                if seconds:
                    found.setdefault((case, contender), []).append(seconds)
                    print(f"{label(case)}: {contender}: {seconds * 1e3:.3f} ms ({note})", flush=True)
    text = table(found, order, notes)
    with open(os.path.join(args.out, "table.md"), "w") as file:
        file.write(text)
    rounds = [{"case": label(c), "contender": who, "seconds": s, "note": notes[(c, who)]} for (c, who), s in found.items()]
    with open(os.path.join(args.out, "rounds.json"), "w") as file:
        json.dump(rounds, file, indent=1)
    print(text)
    wanted = {(case, contender) for case in order for contender in OURS}
    lost = [f"{label(c)}: {who}: {notes[(c, who)]}" for c, who in sorted(wanted - set(found), key=str)]
    if lost:
        sys.exit("not measured:\n" + "\n".join(lost))


if __name__ == "__main__":
    main()
