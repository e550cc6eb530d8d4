#!/bin/sh
# Runs `check`, trusted and checked, on every software device that Debian has: subgroups of 4, 8 and 16
# and none, Vulkan and OpenGL, WebGPU's default limits, and cooperative matrices on the lavapipe of Debian sid, which
# tools/with-mesa.sh fetches (0.6 GB in the user's cache); there the mutation tests of products and attention run, too. A
# configuration counts only on the adapter and with the subgroups that are meant. Reports and tables go to
# out/check-all.
set -eu

program=target/release/dapo-wgpu
launcher=""
out=out/check-all
passed=0 failed=0 not_run=0
mkdir -p "$out"
rm -f "$out"/*.json "$out"/*.txt

# Nothing but the configuration chooses the device and its switches.
for name in $(env | sed -nE 's/^((DAPO|WGPU|VK|LP|LIBGL|GALLIUM)_[A-Z0-9_]*)=.*/\1/p'); do
    [ "$name" = DAPO_MESA_CACHE ] || unset "$name"
done
# Mesa's layer would look for a display.
export NODEVICE_SELECT=1

# The first of these files that exists; the first word if none does.
first() {
    for file in "$@"; do
        [ ! -e "$file" ] || { echo "$file" && return; }
    done
    echo "$1"
}
lavapipe=$(first /usr/share/vulkan/icd.d/lvp_icd*.json)
swiftshader=${SWIFTSHADER:-$(first /usr/lib/chromium/vk_swiftshader_icd.json \
    /usr/lib64/chromium-browser/vk_swiftshader_icd.json /opt/google/chrome/vk_swiftshader_icd.json)}
for file in "$lavapipe" "$swiftshader"; do
    [ -e "$file" ] || {
        echo "error: '$file' is missing; tools/ensure-driver.sh --software installs it on Debian. On other" >&2
        echo "  systems install Mesa's software drivers, and name SwiftShader's file, which every Chromium" >&2
        echo "  and Chrome brings: SWIFTSHADER=…/vk_swiftshader_icd.json" >&2
        exit 1
    }
done

line() {
    printf '%-24s %s\n' "$1" "$2"
}

# check NAME ADAPTER GIVEN VARIABLE=VALUE...: trusted and checked, each on an adapter whose line matches
# the pattern ADAPTER, with kernels given what matches GIVEN.
check() {
    name=$1 adapter=$2 given=$3
    shift 3
    mkdir -p "target/check-all/$name"
    for mode in trusted checked; do
        run=$name-$mode meant="$adapter | $given · $mode shaders" option="" status=0
        [ $mode = trusted ] || option=--checked
        # Mesa's cache does not tell vector widths apart, and hands one's code to the other.
        # shellcheck disable=SC2086 # several words
        env "$@" MESA_SHADER_CACHE_DIR="target/check-all/$name" $launcher "$program" check $option --out "$out/$run.json" >"$out/$run.txt" || status=$?
        device="$(sed -n 1p "$out/$run.txt") | $(sed -n 2p "$out/$run.txt")"
        verdict=$(tail -n 1 "$out/$run.txt")
        # shellcheck disable=SC2254 # patterns are wanted
        case "$device" in
            $meant) right=true ;;
            *) right=false ;;
        esac
        if [ -z "$verdict" ]; then
            verdict="NOT RUN: see the error above" device="no device"
        elif ! $right; then
            verdict="WRONG DEVICE, not $meant; $verdict"
        fi
        if $right && [ $status -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
        line "$run" "$verdict | $device"
        grep -e --case "$out/$run.txt" || true
    done
}

# Lists both runs of a configuration as not run.
skip() {
    line "$1-trusted" "NOT RUN: $2"
    line "$1-checked" "NOT RUN: $2"
    not_run=$((not_run + 2))
}

# Runs as `check` does, on a Vulkan driver.
vulkan() {
    name=$1 driver=$2 adapter=$3 given=$4
    shift 4
    check "$name" "*: $adapter · vulkan · cpu (software)*" "$given" \
        WGPU_BACKEND=vulkan VK_DRIVER_FILES="$driver" "$@"
}

vulkan lavapipe-256 "$lavapipe" 'llvmpipe*256 bits)' 'subgroups of 8 · * · immediates' LP_NATIVE_VECTOR_WIDTH=256
if grep -qw avx512f /proc/cpuinfo; then
    vulkan lavapipe-512 "$lavapipe" 'llvmpipe*512 bits)' 'subgroups of 16 · * · immediates' LP_NATIVE_VECTOR_WIDTH=512
else
    skip lavapipe-512 "this CPU has no AVX-512"
fi
# Debian sid's lavapipe, at each vector width: tiles of 8 × 8.
launcher="tools/with-mesa.sh sid lvp"
for bits in 128 256 512; do
    if [ $bits = 512 ] && ! grep -qw avx512f /proc/cpuinfo; then
        skip lavapipe-sid-512 "this CPU has no AVX-512"
        continue
    fi
    # At 128 bits the driver lists matrices and opens no device with them.
    matrices=" · cooperative matrices"
    [ $bits = 128 ] && matrices=""
    check lavapipe-sid-$bits "*: llvmpipe*$bits bits) · vulkan · cpu (software)*" \
        "subgroups of $((bits / 32)) · f16$matrices · * · immediates" LP_NATIVE_VECTOR_WIDTH=$bits
done
# Planted faults in the shaders that only run there.
if CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$launcher" ${CARGO:-cargo} test --test mutations -- \
    mutations_of_matmul mutations_of_attention mutations_of_pointwise --nocapture >"$out/mutations-sid.txt" 2>&1; then
    passed=$((passed + 1))
    line mutations-sid "PASSED: $(grep -c '^found: ' "$out/mutations-sid.txt") planted faults found"
else
    failed=$((failed + 1))
    line mutations-sid "FAILED: see $out/mutations-sid.txt"
fi
launcher=""
vulkan lavapipe-weakest "$lavapipe" 'llvmpipe*' 'no subgroups · * · 256 invocations · no immediates' \
    DAPO_NO_SUBGROUPS=1 DAPO_NO_IMMEDIATES=1 DAPO_DEFAULT_LIMITS=1
vulkan swiftshader "$swiftshader" 'SwiftShader*' 'subgroups of 4 · no f16 · 256 invocations · immediates'
check llvmpipe-gl '*: llvmpipe* · gl · cpu (software)*' 'no subgroups · no f16 · *' \
    WGPU_BACKEND=gl LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe

echo "$passed passed, $failed failed, $not_run not run; reports in $out"
[ "$failed" -eq 0 ]
