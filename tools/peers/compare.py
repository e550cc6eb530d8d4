#!/usr/bin/env python3
"""Runs the same work with dapo-wgpu and its peers, interleaved, and writes one Markdown table.

See README.md. Example: compare.py --repeat 7 --out table.md
"""

import argparse
import datetime
import os
import platform
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "py"))

from common import parse  # noqa: E402
from process import Peer, PeerError, busy_seconds  # noqa: E402

CASES = [
    "gemm 197 768 768",
    "gemm 577 1024 1024",
    "gemm 1370 4096 1024",
    "attention 577 16 64",
    "attention 1370 16 64",
    "layernorm 577 1024",
    "vit-b-16 1",
]
# Name, kind of program, how to get it. The device ones share one Vulkan adapter.
PEERS = [
    ("ours", "rust", "cargo build --release"),
    ("burn", "rust", "cargo build --release"),
    ("ncnn", "python", "pip install ncnn"),
    ("ncnn_inner", "python", "pip install ncnn"),
    ("onnxruntime", "python", "pip install onnxruntime onnx"),
    ("torch", "python", "pip install torch"),
    ("candle", "rust", "cargo build --release"),
]
# Of the environment, what is copied into the table when it is set.
TELLING = ("VK_", "MESA_", "LP_", "WGPU_", "CUBECL_", "BURN_", "DAPO_", "OMP_", "GOMP_", "KMP_", "MKL_")
TELLING += ("OPENBLAS_", "RAYON_", "NODEVICE_")


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", default=",".join(CASES), help="comma-separated; default: all of them")
    parser.add_argument("--only", help="comma-separated peers: " + ", ".join(p[0] for p in PEERS))
    parser.add_argument("--repeat", type=int, default=7, help="measured runs of each peer (7)")
    parser.add_argument("--threads", type=int, default=2, help="threads of every CPU library (2)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds a peer may take to answer (600)")
    parser.add_argument("--model", type=Path, help="where the ViT's weights are kept (a temporary folder)")
    parser.add_argument("--out", type=Path, help="Markdown file; default: standard output only")
    chosen = parser.parse_args()
    chosen.cases = [c.strip() for c in chosen.cases.split(",") if c.strip()]
    names = [p[0] for p in PEERS]
    chosen.only = chosen.only.split(",") if chosen.only else names
    if unknown := [name for name in chosen.only if name not in names]:
        parser.error(f"--only: no peer {unknown[0]}; there are {', '.join(names)}")
    try:
        [parse(case) for case in chosen.cases]
    except ValueError as wrong:
        parser.error(f"--cases: {wrong}; write them as in the default")
    if chosen.repeat < 1 or chosen.threads < 1:
        parser.error("--repeat and --threads must be at least 1")
    chosen.model = chosen.model or Path(tempfile.gettempdir()) / "dapo-peers" / "vit-b-16"
    return chosen


def environment(threads):
    """For the peers: as many threads for everybody, and idle threads that sleep."""
    env = dict(os.environ, PEERS_THREADS=str(threads))
    names = ["OMP", "MKL", "OPENBLAS", "RAYON", "LP"]
    defaults = {f"{name}_NUM_THREADS": str(threads) for name in names}
    defaults |= {
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "KMP_BLOCKTIME": "0",
        "NODEVICE_SELECT": "1",
    }
    for name, value in defaults.items():
        env.setdefault(name, value)
    return env


def peers(chosen, env):
    built = Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")) / "release"
    made = []
    for name, kind, install in PEERS:
        if name in chosen.only:
            rust = [str(built / f"peer-{name}")]
            command = rust if kind == "rust" else [sys.executable, str(HERE / "py" / f"peer_{name}.py")]
            made.append(Peer(name, command, install, env, chosen.timeout))
    return made


class Row:
    """What one peer did in one case."""

    def __init__(self):
        self.milliseconds, self.error, self.fault = [], 0.0, None

    def check(self, found, answer, tolerance, error):
        self.error = max(self.error, error(found, answer))
        if not self.error <= tolerance:
            raise PeerError(f"refused: wrong result, off by {self.error:.1e} (allowed {tolerance:.0e})")


def measure(case, all_peers, repeat):
    """Prepares one case everywhere, then lets each peer run once a repetition.

    Returns a row for each peer, the operations of the case, the seconds that the rounds took and the
    processor time that programs used meanwhile that are no part of this.
    """
    import reference

    name, sizes = parse(case)
    rows = {peer.name: Row() for peer in all_peers}
    # Before anything is timed, so that no arithmetic of the driver comes in between. Run 1 is a warm-up.
    answers = [reference.expected(name, sizes, run, 16 if run else 256) for run in range(repeat + 2)]

    def step(peer, line, word, run):
        row = rows[peer.name]
        try:
            if run == 0:
                peer.start()
            said = [float(v) for v in peer.ask(line, word).split()]
            row.check(said[run > 0 :], answers[run], reference.TOLERANCE, reference.error)
            if run > 1:
                row.milliseconds.append(1e3 * said[0])
        except PeerError as fault:
            row.fault = str(fault)
            print(f"    {peer.name}: {fault}", file=sys.stderr)

    for peer in all_peers:
        print(f"  {case}: preparing {peer.name}", file=sys.stderr)
        step(peer, case, "ready", 0)
    alive = [peer for peer in all_peers if peer.process]
    own = lambda: time.process_time() + sum(p.cpu_seconds() for p in alive)  # noqa: E731
    start, foreign = time.monotonic(), busy_seconds() - own()
    for run in range(1, repeat + 2):
        # Another one first each time: nobody always follows the same neighbour's heat and caches.
        turn = run % len(all_peers)
        for peer in all_peers[turn:] + all_peers[:turn]:
            if rows[peer.name].fault is None:
                step(peer, f"run {run}", "seconds", run)
        print(f"  {case}: round {run} of {repeat + 1}", file=sys.stderr)
    # Of a peer that was ended meanwhile the time is lost, and would look like that of a stranger.
    foreign = busy_seconds() - own() - foreign if all(peer.process for peer in alive) else 0.0
    return rows, reference.flops(name, sizes), time.monotonic() - start, max(0.0, foreign)


def table(case, rows, flops):
    """The lines of one case."""
    ours = rows.get("ours")
    ours = statistics.median(ours.milliseconds) if ours and not ours.fault else None
    for name, row in rows.items():
        if row.fault:
            yield f"| {case} | {name} | {row.fault.replace('|', '/')} | | | |"
            continue
        median = statistics.median(row.milliseconds)
        figures = f"{number(median)} ({number(min(row.milliseconds))}–{number(max(row.milliseconds))})"
        rate = f"{flops / median / 1e6:.1f}" if flops else ""
        ratio = f"{median / ours:.2f}" if ours else ""
        yield f"| {case} | {name} | {figures} | {rate} | {ratio} | {row.error:.1e} |"


def number(x):
    """Three significant digits, without an exponent."""
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}" if x >= 1 else f"{x:.3f}"


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} logical processors"


def heading():
    """The lines above a table: when, where, by which command."""
    return [
        f"Measured {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC on {processor()}, "
        f"{platform.system()} {platform.release()}:",
        "",
        "```sh",
        f"python3 {shlex.join(sys.argv)}",
        "```",
        "",
    ]


def telling(env):
    """What the environment says of drivers and threads."""
    return " ".join(f"{k}={v}" for k, v in sorted(env.items()) if k.startswith(TELLING))


def main():
    chosen = options()
    os.environ["PEERS_MODEL"] = str(chosen.model)  # for the peers, and the float64 reference in this process
    if any(case.startswith("vit") for case in chosen.cases):
        import vit

        vit.write(chosen.model)
    env = environment(chosen.threads)
    all_peers = peers(chosen, env)
    lines, seconds, foreign = [], 0.0, 0.0
    try:
        for case in chosen.cases:
            rows, flops, took, others = measure(case, all_peers, chosen.repeat)
            seconds, foreign = seconds + took, foreign + others
            lines += table(case, rows, flops)
    finally:
        for peer in all_peers:
            peer.stop()
    text = "\n".join(
        [
            *heading(),
            *[f"* {peer.name}: {peer.hello}" for peer in all_peers if peer.hello],
            f"* environment: {telling(env)}",
            f"* {chosen.repeat} measured runs after 2 unmeasured ones, all peers in turn",
            f"* disturbance: other programs used {foreign:.1f} s of processor time in {seconds:.1f} s of rounds",
            "",
            "Times of ours, burn and ncnn contain the full read-back of the result; those of ncnn also the upload of",
            "the input, which its Python interface cannot do apart. The others work in host memory. Error: largest",
            "difference to float64 over the root mean square of the result.",
            "",
            "| case | peer | median (min–max) ms | GFLOP/s | time ÷ ours | error |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )
    print(text)
    if chosen.out:
        chosen.out.write_text(text)


if __name__ == "__main__":
    main()
