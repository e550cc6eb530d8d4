"""What every Python peer shares: the line protocol, the cases and their inputs (see README.md).

`src/lib.rs` is the same in Rust; both must make the same numbers.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

WEIGHTS, GAMMA, BETA, FIRST_RUN = 1, 2, 3, 1000
EDGE = 224


def mix(x):
    """splitmix64 of an array of uint64."""
    with np.errstate(over="ignore"):
        z = (x + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def values(stream, *shape):
    """float32 in [-1, 1), exact in every language."""
    count = int(np.prod(shape))
    bits = mix(np.arange(count, dtype=np.uint64) + np.uint64(stream << 32)) >> np.uint64(40)
    return (bits.astype(np.float32) / np.float32(1 << 23) - np.float32(1)).reshape(shape)


def places(count, length):
    """Where results are sampled."""
    return (mix(np.arange(count, dtype=np.uint64)) % np.uint64(length)).astype(np.int64)


def parse(line):
    """`gemm 197 768 768` to its name and sizes."""
    name, *sizes = line.split()
    sizes = tuple(map(int, sizes))
    if {"gemm": 3, "attention": 3, "layernorm": 2, "vit-b-16": 1}.get(name) != len(sizes):
        raise ValueError(f"no such case: {line}")
    return name, sizes


def case_input(name, sizes, run):
    """The input of a run, in the case's canonical shape."""
    stream = FIRST_RUN + run
    if name == "gemm":
        m, _, k = sizes
        return values(stream, m, k)
    if name == "attention":
        tokens, heads, dim = sizes
        return np.float32(3) * values(stream, tokens, 3, heads, dim)
    if name == "layernorm":
        return values(stream, *sizes)
    return values(stream, sizes[0], 3, EDGE, EDGE)


def affine(width):
    """Gamma and beta of the layer normalisation."""
    tenth = np.float32(0.1)
    return np.float32(1) + tenth * values(GAMMA, width), tenth * values(BETA, width)


def model_folder():
    """Where the driver put the ViT's weights."""
    return Path(os.environ["PEERS_MODEL"])


def threads():
    """Threads that CPU libraries may use."""
    return int(os.environ.get("PEERS_THREADS", "2"))


def load_vit():
    """The ViT's tensors by name, without their `vision_model.` prefix; q, k and v stacked as `qkv`."""
    from safetensors.numpy import load_file

    found = load_file(model_folder() / "model.safetensors")
    found = {name.removeprefix("vision_model."): v for name, v in found.items() if "text" not in name}
    for i in range(12):
        for kind in "weight", "bias":
            parts = [found[f"encoder.layers.{i}.self_attn.{p}_proj.{kind}"] for p in "qkv"]
            found[f"encoder.layers.{i}.self_attn.qkv.{kind}"] = np.concatenate(parts)
    return found


def timed(work, *args):
    """Seconds of work(*args), and its result."""
    start = time.perf_counter()
    result = work(*args)
    return time.perf_counter() - start, result


def serve(hello, prepare):
    """Answers the driver until it closes the line.

    prepare(name, sizes) returns a function of an input that returns (seconds, result); the result is
    sampled in the case's canonical order.
    """
    out = os.fdopen(os.dup(1), "w")  # libraries that print must not break the protocol
    os.dup2(2, 1)

    def samples(result, count):
        flat = np.asarray(result).reshape(-1)
        return " ".join(f"{v:.9e}" for v in flat[places(count, flat.size)])

    print("hello", hello, file=out, flush=True)
    case = work = None
    for line in sys.stdin:
        try:
            if line.startswith("run "):
                seconds, result = work(case_input(*case, int(line[4:])))
                answer = f"seconds {seconds:e} {samples(result, 16)}"
            else:
                work = None  # frees the last case first
                case = parse(line)
                work = prepare(*case)
                answer = f"ready {samples(work(case_input(*case, 0))[1], 256)}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver shall hear of it
            answer = f"error {type(error).__name__}: {error}".replace("\n", " ")
        print(answer, file=out, flush=True)
