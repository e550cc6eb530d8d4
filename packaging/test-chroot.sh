#!/usr/bin/env bash
# Installs each package in a fresh Debian that has nothing but its package manager, and detects there.
# Needs root and debootstrap; fetches about 0.4 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=$PWD/out/packages
ROOT=$(mktemp -d)
trap 'umount "$ROOT/proc" 2>/dev/null || true; rm -rf "$ROOT"' EXIT
SUITE=${SUITE:-bookworm}
debootstrap --variant=minbase "$SUITE" "$ROOT" "${MIRROR:-http://deb.debian.org/debian}" > "$ROOT.log"
cp "$OUT"/*.deb "$ROOT/tmp/dapo-wgpu.deb"
mkdir "$ROOT/tmp/packages"
cp "$OUT"/dapo-wgpu-*.tar.gz "$OUT"/dapo_wgpu-*.whl "$ROOT/tmp/packages/"
cp docs/samples/bottle_broken.png "$ROOT/tmp/"
cp /etc/resolv.conf "$ROOT/etc/" 2>/dev/null || true
cp /etc/apt/apt.conf.d/* "$ROOT/etc/apt/apt.conf.d/" 2>/dev/null || true
mount -t proc proc "$ROOT/proc"
# One command, the recommended driver included.
chroot "$ROOT" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq /tmp/dapo-wgpu.deb > /dev/null'
detects() {
    chroot "$ROOT" sh -c "cd /tmp && $1 detect bottle_broken.png --out $2 && test -s $2/report.html"
    echo "ok: $2 in a fresh $SUITE"
}
detects dapo-wgpu package
chroot "$ROOT" sh -c 'cd /tmp && dapo-wgpu doctor'
# The driver stays; the program goes.
chroot "$ROOT" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get remove -y -qq dapo-wgpu > /dev/null && cd /tmp && tar -xzf packages/*.tar.gz'
detects './dapo-wgpu-*/dapo-wgpu' archive
chroot "$ROOT" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv > /dev/null && python3 -m venv /tmp/venv \
    && /tmp/venv/bin/pip -q install --no-index /tmp/packages/*.whl'
detects /tmp/venv/bin/dapo-wgpu wheel
