#!/usr/bin/env python3
"""One training step of DAPO by dapo-wgpu, by burn and by PyTorch on the CPU, in turn, and one Markdown table.

See README.md. Example: train_step.py --program ../../target/release/dapo-wgpu --out table.md
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parent
sys.path[:0] = [str(TOOLS), str(HERE / "py")]

from check_full_size import write_model  # noqa: E402
from compare import environment, heading, number, telling  # noqa: E402
from process import busy_seconds  # noqa: E402

NANO = TOOLS.parent / "weights" / "dapo-nano"
DEFECTS = ["scratch", "crack", "hole", "contamination", "stain", "color", "dent", "rough", "cut"]
WARM_UP = 2  # steps of every turn that are not counted
LEARNED, TOKENS = 5, 4  # learned words of a prompt, learned tokens of a layer
TOLERANCE = 1e-3  # relative, of the first step's losses


@dataclass
class Case:
    name: str
    size: int  # pixels of an edge
    batch: int
    sets: int  # prompts for each state
    defects: int

    def names(self):
        return DEFECTS[: self.defects]

    def prompts(self):
        return self.sets * (self.defects + 1)


CASES = [Case("dapo-nano", 128, 8, 4, 9), Case("ViT-B/16", 224, 2, 2, 3)]


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    target = lambda root: Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))  # noqa: E731
    ours = target(TOOLS.parent) / "release" / "dapo-wgpu"
    burn = target(HERE) / "release" / "peer-burn-step"
    parser.add_argument("--program", type=Path, default=ours, help="dapo-wgpu, built with --release")
    parser.add_argument("--burn", type=Path, default=burn, help="peer-burn-step; where there is none, burn is left out")
    parser.add_argument("--models", default=",".join(c.name for c in CASES), help="default: all of them")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side (3)")
    parser.add_argument("--steps", type=int, default=8, help=f"steps of a turn, {WARM_UP} of them not counted (8)")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch and of a software device (2)")
    parser.add_argument("--out", type=Path, help="Markdown file; default: standard output only")
    chosen = parser.parse_args()
    wanted = chosen.models.split(",")
    if unknown := set(wanted) - {c.name for c in CASES}:
        parser.error(f"--models: no {unknown.pop()}; there are {', '.join(c.name for c in CASES)}")
    chosen.cases = [c for c in CASES if c.name in wanted]
    if not chosen.program.is_file():
        parser.error(f"--program: there is no {chosen.program}; cargo build --release, or name another")
    if chosen.rounds < 1 or chosen.threads < 1 or chosen.steps <= WARM_UP:
        parser.error(f"--rounds and --threads must be at least 1, --steps more than {WARM_UP}")
    if chosen.out and not chosen.out.resolve().parent.is_dir():
        parser.error(f"--out: there is no folder {chosen.out.resolve().parent}")
    if os.environ.get("DAPO_CHECKED", "0") not in ("", "0"):
        parser.error("DAPO_CHECKED is set, which slows one side down: unset it")
    return chosen


class Ours:
    """The program's `train`, a run of its own each turn."""

    def __init__(self, program, folder, case, model, data, init):
        self.program, self.folder, self.adapter = program.resolve(), folder, None
        self.words = ["--data", data, "--model", model, "--init", init, "--image-size", case.size, "--no-shuffle"]
        self.words += ["--batch", case.batch, "--defects", ",".join(case.names())]

    def turn(self, steps):
        """Seconds of each step, and the losses of the first."""
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            said = run(self.program, "train", *self.words, "--steps", steps, "--out", out).stderr
            log = [json.loads(line) for line in (Path(out) / "steps.jsonl").read_text().splitlines()]
        self.adapter = next((s[3:] for s in said.splitlines() if s.startswith("on ")), "unknown adapter")
        return [s["seconds"] for s in log], (log[0]["image_loss"], log[0]["local_loss"])


class Burn:
    """peer-burn-step, a run of its own each turn."""

    def __init__(self, program, folder, case, clip, ids, batch, values):
        from safetensors.torch import save_file

        self.program, self.folder, self.hello = program.resolve(), folder, None
        folder.mkdir()
        meta = {
            "size": case.size,
            "patch": clip.w["visual.conv1.weight"].shape[-1],
            "sets": case.sets,
            "words": LEARNED,
            "tokens": TOKENS,
            "feature_layers": quarters(clip),
            "vision_heads": clip.heads["visual"],
            "text_heads": clip.heads["transformer"],
            "quick": clip.quick,
            "prompts": ids,
        }
        (folder / "case.json").write_text(json.dumps(meta))
        parts = zip(["pixels", "classes", "masks"], batch)
        files = {"clip": clip.w, "init": values, "batch": {name: part.float() for name, part in parts}}
        for name, tensors in files.items():
            tensors = {k: v.contiguous() for k, v in tensors.items()}
            save_file(tensors, folder / f"{name}.safetensors")

    def turn(self, steps):
        """Seconds of each step, and the losses of the first."""
        said = json.loads(run(self.program, self.folder, steps).stdout)
        self.hello = said["hello"]
        return said["seconds"], (said["image_loss"], said["local_loss"])


class PyTorch:
    """The learner of dapo_reference.py, in this process."""

    def __init__(self, case, clip, ids, batch, values):
        import dapo_reference

        self.reference, self.batch = dapo_reference, batch
        self.new = lambda: dapo_reference.Learner(clip, values, case.size, quarters(clip), ids)

    def turn(self, steps):
        """Seconds of each step, and the losses of the first."""
        learner = self.new()
        optimiser, seconds, losses = self.reference.adam(learner), [], []
        for _ in range(steps):
            started = time.perf_counter()
            image, local = self.reference.step(learner, optimiser, *self.batch)
            losses.append((image.item(), local.item()))
            seconds.append(time.perf_counter() - started)
        return seconds, losses[0]


def run(program, *words):
    ran = subprocess.run([str(program), *map(str, words)], capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"{program} {words[0]} failed:\n{ran.stderr}")
    return ran


def quarters(clip):
    """The blocks after which patches are taken when nothing is said."""
    depth = clip.depth("visual.transformer.resblocks.")
    return [-(-q * depth // 4) for q in range(1, 5)]


def first_values(clip, sets):
    """Seeded values for a learner to start from: words like those of the model, the rest small."""
    import torch

    table, embed_dim = clip.w["token_embedding.weight"], clip.w["visual.proj"].shape[1]
    width, depth = len(clip.w["visual.class_embedding"]), clip.depth("visual.transformer.resblocks.")
    random = torch.Generator().manual_seed(1)
    normal = lambda *shape: torch.randn(*shape, table.shape[1], generator=random)  # noqa: E731
    word = lambda *shape: table.mean(0) + table.std(0) * normal(*shape)  # noqa: E731
    even = lambda *shape: (2 * torch.rand(*shape, generator=random) - 1) / width**0.5  # noqa: E731
    values = {f"prompt_learner.learnable_{kind}_tokens": word(sets, LEARNED) for kind in ["normal", "abnormal"]}
    for i in range(clip.depth("transformer.resblocks.")):
        values[f"prompt_learner.learnable_layer_tokens.{i}"] = word(TOKENS)
    values["visual_prompt.learnable_visual_tokens"] = even(depth, TOKENS, width)
    for i in range(len(quarters(clip))):
        values[f"linear_adapter.fc.{i}.weight"] = even(embed_dim, width)
        values[f"linear_adapter.fc.{i}.bias"] = even(embed_dim)
    return values


def draw(program, case, data):
    """As many generated images as a step sees, one of them good, of the size that is trained on: each side
    reads them in its own way, and resampling would be one more difference.
    """
    shown = ",".join(case.names()[: case.batch - 1])
    counts = ["--per-defect", 1, "--test-good", 1, "--train-good", 1]
    run(program, "synth", "--out", data, "--objects", "metal plate", "--defects", shown, "--size", case.size, *counts)


def read(case, data):
    """Pixels, classes and masks of these images, in the order of their paths."""
    import numpy as np
    import torch
    from PIL import Image
    from reference_clip import read_images

    paths = sorted(data.glob("*/test/*/*.png"))
    if len(paths) != case.batch:
        sys.exit(f"{case.name}: {len(paths)} images were drawn for steps of {case.batch}")
    classes, masks = [], []
    for path in paths:
        defect, mask = path.parent.name, np.zeros((case.size, case.size), "uint8")
        if defect != "good":
            mask = np.asarray(Image.open(data / path.parts[-4] / "ground_truth" / defect / f"{path.stem}_mask.png"))
        classes.append(0 if defect == "good" else 1 + case.names().index(defect))
        masks.append(torch.from_numpy((mask == 255).astype("float32")))
    return read_images(paths, case.size), torch.tensor(classes), torch.stack(masks)


def prepare(program, burn, folder, case):
    """The sides of a case: the same weights, images, defects and first values. burn's is left out if not built."""
    from dapo_reference import open_model, prompts
    from safetensors.torch import save_file

    model, data, init = NANO, folder / "data", folder / "init.safetensors"
    if case.name != "dapo-nano":
        model = folder / "model"
        write_model(case.name, model, "f32")
    draw(program, case, data)
    clip = open_model(model)
    values = first_values(clip, case.sets)
    save_file(values, init)
    ids = prompts(model, case.names(), LEARNED, len(clip.w["positional_embedding"]))
    shared = (case, clip, ids, read(case, data), values)
    sides = {"ours": Ours(program, folder, case, model, data, init)}
    if burn.is_file():
        sides["burn"] = Burn(burn, folder / "burn", *shared)
    return sides | {"torch": PyTorch(*shared)}


def check(name, losses):
    """Ends everything if the first steps' losses differ: the timing would compare different work."""
    for side in [side for side in losses if side != "torch"]:
        for what, found, wanted in zip(["image", "local"], losses[side], losses["torch"]):
            off = abs(found - wanted) / abs(wanted)
            told = f"{name}: {what} loss of the first step is {found:.6f} by {side} and {wanted:.6f} by torch"
            print(f"  {told}, {off:.1e} apart", file=sys.stderr)
            if not off <= TOLERANCE:
                sys.exit(f"{told}: {off:.1e} apart (allowed {TOLERANCE:.0e})")


def measure(case, sides, rounds, steps):
    """Seconds of the counted steps of each side; another side begins each round."""
    seconds, names = {name: [] for name in sides}, list(sides)
    for turn in range(rounds):
        losses = {}
        for name in names[:: -1 if turn % 2 else 1]:
            found, losses[name] = sides[name].turn(steps)
            seconds[name] += found[WARM_UP:]
        if turn == 0:
            check(case.name, losses)
        print(f"  {case.name}: round {turn + 1} of {rounds}", file=sys.stderr)
    return seconds


def row(case, seconds):
    median = {name: statistics.median(found) for name, found in seconds.items()}
    told = {n: f"{number(median[n])} ({number(min(f))}–{number(max(f))})" for n, f in seconds.items()}
    figures = [told.get(n, "not built") for n in ["ours", "burn", "torch"]]
    figures += [f"{median[n] / median['ours']:.2f}" if n in median else "" for n in ["burn", "torch"]]
    return f"| {case.name}, {case.size} px | {case.batch} | {case.prompts()} | {' | '.join(figures)} |"


def main():
    chosen = options()
    # Before torch is imported: its threads must sleep while the other side runs.
    os.environ.update(environment(chosen.threads))
    import torch

    torch.set_num_threads(chosen.threads)
    own = lambda: sum(os.times()[:4])  # noqa: E731
    rows, took, others, adapter, hello = [], 0.0, 0.0, None, "not built"
    if not chosen.burn.is_file():
        print(f"  burn is left out: there is no {chosen.burn} (see README.md)", file=sys.stderr)
    for case in chosen.cases:
        with tempfile.TemporaryDirectory(prefix="dapo-train-step-") as folder:
            print(f"  {case.name}: preparing", file=sys.stderr)
            sides = prepare(chosen.program, chosen.burn, Path(folder), case)
            start, foreign = time.monotonic(), busy_seconds() - own()
            seconds = measure(case, sides, chosen.rounds, chosen.steps)
            took, others = took + time.monotonic() - start, others + max(0.0, busy_seconds() - own() - foreign)
            rows.append(row(case, seconds))
            adapter, hello = sides["ours"].adapter, sides["burn"].hello if "burn" in sides else hello
    version = run(chosen.program.resolve(), "--version").stdout.strip()
    text = "\n".join(
        [
            *heading(),
            f"* ours: {version}; {adapter}",
            f"* burn: {hello}",
            f"* torch: torch {torch.__version__}; CPU, {torch.get_num_threads()} threads",
            f"* environment: {telling(os.environ)}",
            f"* {chosen.rounds} rounds of {chosen.steps} steps by each side in turn; {WARM_UP} of each are not counted",
            f"* disturbance: other programs used {others:.1f} s of processor time in {took:.1f} s of rounds",
            "",
            "Seconds of a step: median (min–max).",
            "",
            "| model | images of a step | prompts | ours (s) | burn (s) | PyTorch (s) | burn ÷ ours | PyTorch ÷ ours |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    print(text)
    if chosen.out:
        chosen.out.write_text(text)


if __name__ == "__main__":
    main()
