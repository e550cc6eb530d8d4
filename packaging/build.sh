#!/usr/bin/env bash
# Builds what `make packages` promises, into out/packages: an archive, a Debian package, a wheel with the program inside.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=$PWD/out/packages
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
TARGET=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$OUT"
rm -f "$OUT"/*.tar.gz "$OUT"/*.deb "$OUT"/*.whl

cargo build --release --locked
PROGRAM=target/release/dapo-wgpu
STAGE=target/packages
rm -rf "$STAGE"
mkdir -p "$STAGE/man" "$STAGE/completions"
"$PROGRAM" man --out "$STAGE/man"
for shell in bash zsh fish; do "$PROGRAM" completions "$shell" > "$STAGE/completions/dapo-wgpu.$shell"; done

# The oldest C library that has every symbol the program asks for.
GLIBC=$(objdump -T "$PROGRAM" | sed -n 's/.*GLIBC_\([0-9.]*\)).*/\1/p' | sort -uV | tail -1)
echo "needs glibc $GLIBC or newer; the Vulkan loader is looked for when the program runs"

NAME=dapo-wgpu-$VERSION-$TARGET
mkdir -p "$STAGE/$NAME"
cp "$PROGRAM" README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$STAGE/$NAME/"
cp -r "$STAGE/man" "$STAGE/completions" "$STAGE/$NAME/"
tar -C "$STAGE" --sort=name --owner=0 --group=0 --mtime="@${SOURCE_DATE_EPOCH:-0}" -czf "$OUT/$NAME.tar.gz" "$NAME"

command -v cargo-deb >/dev/null || cargo install --locked cargo-deb
cargo deb --no-build --no-strip --output "$OUT/"

VENV=target/maturin
[ -x "$VENV/bin/maturin" ] || { python3 -m venv "$VENV" && "$VENV/bin/pip" -q install "maturin>=1.7,<2"; }
(cd packaging/wheel && "$OLDPWD/$VENV/bin/maturin" build --release --locked --out "$OUT")
ls -l "$OUT"
