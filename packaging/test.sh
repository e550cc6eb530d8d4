#!/usr/bin/env bash
# Installs each package that `make packages` built as a user would, and detects on a sample image with it.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=$PWD/out/packages
SAMPLE=$PWD/docs/samples/bottle_broken.png
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export NODEVICE_SELECT=1

detects() { # the program, and what it is
    "$1" --version | head -2
    (cd "$WORK" && "$1" detect "$SAMPLE" --out "$WORK/results" -q | grep -q "bottle_broken.png") || { echo "FAILED: $2"; exit 1; }
    echo "ok: $2"
}

mkdir "$WORK/archive" && tar -C "$WORK/archive" -xzf "$OUT"/dapo-wgpu-*.tar.gz
detects "$(echo "$WORK"/archive/*/dapo-wgpu)" "the archive"
for page in "$WORK"/archive/*/man/*.1; do man --warnings -l "$page" > /dev/null 2> "$WORK/man.txt" || true; [ ! -s "$WORK/man.txt" ] || { cat "$WORK/man.txt"; exit 1; }; done
echo "ok: manual pages render"
for shell in bash zsh fish; do
    command -v "$shell" > /dev/null || { echo "NOT RUN: completions of $shell, which is not installed"; continue; }
    "$shell" -n "$(echo "$WORK"/archive/*/completions/dapo-wgpu.$shell)" && echo "ok: completions of $shell"
done

dpkg-deb -x "$OUT"/*.deb "$WORK/deb"
detects "$WORK/deb/usr/bin/dapo-wgpu" "the Debian package, unpacked"
dpkg-deb -f "$OUT"/*.deb Depends Recommends

python3 -m venv "$WORK/venv" && "$WORK/venv/bin/pip" -q install --no-index "$OUT"/*.whl
detects "$WORK/venv/bin/dapo-wgpu" "the wheel, in a fresh environment of $(python3 --version)"
