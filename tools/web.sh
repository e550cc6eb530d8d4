#!/bin/sh
# Builds the page of the browser into web/dist: static files, to be served by `dapo-wgpu web` or any server.
# Rust's library for wasm32 comes from rustup, or, where it cannot be downloaded, from Debian's rust-web-src, which is
# compiled here by Debian's rustc-web (docs/browser.md).
set -eu
cd "$(dirname "$0")/.."
out=web/dist
target=wasm32-unknown-unknown
built=${CARGO_TARGET_DIR:-web/target}/$target/release/dapo_wgpu_web.wasm

has_target() { rustup target list --installed 2>/dev/null | grep -qx "$target"; }

if has_target || timeout 60 rustup target add "$target" >/dev/null 2>&1; then
	cargo build --release --manifest-path web/Cargo.toml --target "$target"
else
	rustc=${RUSTC_WEB:-/usr/bin/rustc}
	if ! [ -d "$("$rustc" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ]; then
		echo "web: rustup cannot install $target, and $rustc has no library sources beside it." >&2
		echo "On Debian: apt-get install --no-install-recommends rustc-web rust-web-src" >&2
		exit 1
	fi
	linker=$(find "$(rustc --print sysroot)/lib/rustlib" -name rust-lld | head -n 1)
	[ -n "$linker" ] || linker=$(command -v lld wasm-ld | head -n 1)
	if [ -z "$linker" ]; then
		echo "web: no linker for WebAssembly; install lld, or Rust from rustup, which has rust-lld" >&2
		exit 1
	fi
	# -Z build-std, which a stable compiler takes only so.
	RUSTC_BOOTSTRAP=1 RUSTC=$rustc CARGO_BUILD_TARGET=$target CARGO_UNSTABLE_BUILD_STD=std,panic_abort \
		CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
		cargo build --release --manifest-path web/Cargo.toml
fi

# The program must be of the version that the crate was compiled with.
version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p;}' web/Cargo.lock)
own=target/web-tools
bindgen=wasm-bindgen
if [ "$($bindgen --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
	bindgen=$own/bin/wasm-bindgen
	if [ "$($bindgen --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
		env -u CARGO_TARGET_DIR cargo install wasm-bindgen-cli --version "$version" --root "$own" --no-default-features
	fi
fi

rm -rf "$out"
mkdir -p "$out/engine"
cp web/static/* "$out/"
cp src/report/assets/report.css "$out/"
"$bindgen" --target web --out-dir "$out/engine" "$built"
wasm=$out/engine/dapo_wgpu_web_bg.wasm
echo "web: $out, $(wc -c < "$wasm") bytes of WebAssembly, $(gzip -9c "$wasm" | wc -c) compressed; serve it with: dapo-wgpu web"
