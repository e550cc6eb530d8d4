#!/usr/bin/env bash
# Builds the wheel of the Python module, installs it in a fresh environment, runs its tests and the example of the docs.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=$PWD/out/packages
VENV=target/maturin
[ -x "$VENV/bin/maturin" ] || { python3 -m venv "$VENV" && "$VENV/bin/pip" -q install "maturin>=1.7,<2"; }
rm -f "$OUT"/dapo_wgpu_python-*.whl
(cd python && "../$VENV/bin/maturin" build --release --locked --out "$OUT")
[ "${1:-}" = build ] && exit
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export NODEVICE_SELECT=1
sed -n '/^```python$/,/^```$/p' docs/python.md | sed '/^```/d' > "$WORK/example.py"
# One wheel for all versions: PYTHONS="python3.9 python3.13" tries it with others.
for python in ${PYTHONS:-python3}; do
    rm -rf "$WORK/venv"
    "$python" -m venv "$WORK/venv"
    "$WORK/venv/bin/pip" -q install "$OUT"/dapo_wgpu_python-*.whl pytest pillow
    "$WORK/venv/bin/python" -m pytest -q python/tests
    "$WORK/venv/bin/python" "$WORK/example.py"
    echo "ok: tests and the example of docs/python.md with $("$WORK/venv/bin/python" --version)"
done
