#!/bin/sh
# Makes docs/isa.md: what the RADV of Debian trixie compiles each variant to, for an RDNA3 and an RDNA4 GPU that need not
# be here. Fails when a variant that is chosen by default spills registers.
set -eu

page=docs/isa.md
trap 'rm -f "$page.part"' EXIT
cat >"$page.part" <<'HEAD'
# What AMD's compiler makes of the kernels

Made by `make isa` ([what the columns mean](laboratory.md#isa-what-does-the-drivers-compiler-make-of-it)). For each variant
its costliest case; an asterisk marks a variant that is chosen by default for some case. These are figures of the compiler,
not timings.

HEAD
for target in navi31 gfx1201; do
    tools/with-mesa.sh trixie radeon target/release/dapo-wgpu isa --target $target --markdown --fail-on-spill \
        2>/dev/null >"$page.target" || { cat "$page.target"; rm -f "$page.target"; exit 1; }
    sed '1s/^/## /' "$page.target" >>"$page.part"
    echo >>"$page.part"
    rm -f "$page.target"
done
sed -i '$d' "$page.part"
mv "$page.part" "$page"
echo "made $page"
