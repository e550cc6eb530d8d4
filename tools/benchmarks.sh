#!/usr/bin/env bash
# docs/results/NAME.json of this device: the kernels of CLIP's towers and a whole tower. NAME is the adapter's by default.
set -euo pipefail
cd "$(dirname "$0")/.."
program=target/release/dapo-wgpu
name=${NAME:-$("$program" devices | sed -n 's/^\* [0-9]*: \(.*\) · .* · .* · .*$/\1/p' | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9]\{1,\}/-/g; s/^-//; s/-$//')}
[ -n "$name" ] || { echo "no name: make benchmarks NAME=my-card"; exit 1; }
kernels=()
for kernel in matmul attention nearest layernorm softmax activation l2norm similarity patches resample; do
    kernels+=(--kernel "$kernel")
done
"$program" bench "${kernels[@]}" --arch vit-b-16 --part vision --out "docs/results/$name.json"
