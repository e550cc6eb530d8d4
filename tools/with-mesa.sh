#!/bin/sh
# Runs a program on the Mesa of another Debian: tools/with-mesa.sh SUITE DRIVER PROGRAM [ARGUMENT…]
#   tools/with-mesa.sh sid    lvp    target/release/dapo-wgpu check
#   tools/with-mesa.sh trixie radeon target/release/dapo-wgpu isa --target navi31
# sid has a lavapipe with cooperative matrices (Mesa 26.1.6 or newer); trixie's RADV (25.0) still compiles for GPUs that
# are not there. The suite is fetched once, with debootstrap, into a folder of the user's cache (0.6 GB on disk); nothing
# else of the machine changes. DAPO_MESA_CACHE names another folder.
# The program is copied there and told to use the suite's C library, which the driver needs; it may start itself again.
set -eu

suite=$1 driver=$2 program=$3
shift 3
cache=${DAPO_MESA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dapo-wgpu}
root=$cache/debian-$suite
libraries=$root/usr/lib/x86_64-linux-gnu
loader=$root/usr/lib64/ld-linux-x86-64.so.2

fail() {
    echo "error: $1" >&2
    exit 1
}

[ "$(uname -sm)" = "Linux x86_64" ] || fail "tools/with-mesa.sh needs Linux on x86-64"

fetch() {
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    [ -z "$sudo" ] || command -v sudo >/dev/null 2>&1 || fail "please run as root: debootstrap unpacks as root"
    command -v debootstrap >/dev/null 2>&1 || {
        command -v apt-get >/dev/null 2>&1 || fail "please install debootstrap"
        $sudo apt-get update -qq >&2
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >&2
    }
    echo "Fetching Debian $suite with Mesa's drivers into $root: once, some minutes, 0.6 GB." >&2
    mkdir -p "$cache"
    part=$root.part
    $sudo rm -rf "$part"
    $sudo debootstrap --variant=minbase --include=mesa-vulkan-drivers,libvulkan1,patchelf "$suite" "$part" \
        >"$cache/debootstrap-$suite.log" 2>&1 ||
        fail "debootstrap failed; see $cache/debootstrap-$suite.log"
    $sudo rm -rf "$part"/var/cache/apt/archives/*.deb
    $sudo mv "$part" "$root"
}
[ -e "$loader" ] || fetch

library=$(find "$libraries" -name "libvulkan_$driver*.so" | head -n 1)
[ -n "$library" ] || fail "Debian $suite has no Vulkan driver '$driver'"
icd=$cache/$suite-$driver.json
source=$(find "$root/usr/share/vulkan/icd.d" -name "${driver}_icd*.json" ! -name '*i686*' | head -n 1)
sed "s#\"library_path\": *\"[^\"]*\"#\"library_path\": \"$library\"#" "$source" >"$icd.$$"
mv "$icd.$$" "$icd"

copy=$cache/run-$suite/$(basename "$program")
mkdir -p "$cache/run-$suite"
cp "$program" "$copy.$$"
"$loader" --library-path "$libraries" "$root/usr/bin/patchelf" \
    --set-interpreter "$loader" "$copy.$$"
mv "$copy.$$" "$copy"

# Only the copy, and itself when it starts itself again, may see the suite's libraries.
export VK_DRIVER_FILES="$icd" NODEVICE_SELECT=1 LD_LIBRARY_PATH="$libraries"
exec "$copy" "$@"
