#!/bin/sh
# Installs and builds every peer below tools/peers: .venv (Python ≥ 3.11) and target (Rust ≥ 1.90).
# Needs about 9 GB of disk, most of it PyTorch's CUDA libraries, which nothing here uses.
set -eu
cd "$(dirname "$0")"
[ -d .venv ] || python3 -m venv .venv
.venv/bin/pip install --disable-pip-version-check -r requirements.txt
cargo build --release --features burn-step
echo "ready: .venv/bin/python compare.py --out table.md"
