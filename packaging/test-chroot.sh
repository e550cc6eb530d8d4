#!/usr/bin/env bash
# Installs the Debian package with apt in a fresh Debian that has nothing but its package manager, and detects there.
# Needs root and debootstrap; fetches about 0.4 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=$PWD/out/packages
ROOT=$(mktemp -d)
trap 'umount "$ROOT/proc" 2>/dev/null || true; rm -rf "$ROOT"' EXIT
SUITE=${SUITE:-bookworm}
debootstrap --variant=minbase "$SUITE" "$ROOT" "${MIRROR:-http://deb.debian.org/debian}" > "$ROOT.log"
cp "$OUT"/*.deb "$ROOT/tmp/dapo-wgpu.deb"
cp docs/samples/bottle_broken.png "$ROOT/tmp/"
cp /etc/resolv.conf "$ROOT/etc/" 2>/dev/null || true
cp /etc/apt/apt.conf.d/* "$ROOT/etc/apt/apt.conf.d/" 2>/dev/null || true
mount -t proc proc "$ROOT/proc"
# One command, the recommended driver included.
chroot "$ROOT" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq /tmp/dapo-wgpu.deb > /dev/null'
chroot "$ROOT" sh -c 'cd /tmp && dapo-wgpu detect bottle_broken.png --out results && dapo-wgpu doctor'
