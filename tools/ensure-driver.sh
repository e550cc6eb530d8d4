#!/bin/sh
# Makes sure that there is a Vulkan driver: installs Mesa's where the package manager is known and we
# may, else says what to install. Metal (macOS) and DX12 (Windows) come with the system.
# --tests adds what the tests validate shaders with, --software every software device that Debian has.
set -eu

case "$(uname -s)" in Linux) ;; *) exit 0 ;; esac

found() {
    for folder in /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/share/vulkan/icd.d \
        "${XDG_DATA_HOME:-$HOME/.local/share}/vulkan/icd.d" /run/opengl-driver/share/vulkan/icd.d; do
        for file in "$folder"/*.json; do
            [ -e "$file" ] && return 0
        done
    done
    [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]
}

# install WHY PACKAGE...
install() {
    why=$1 sudo=""
    shift
    echo "Installing $* ($why)."
    [ "$(id -u)" -eq 0 ] || sudo="sudo"
    [ -z "$sudo" ] || command -v sudo >/dev/null 2>&1 || {
        echo "error: please run as root: apt-get install $*" >&2
        exit 1
    }
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

apt=false
! command -v apt-get >/dev/null 2>&1 || apt=true

# With another package manager the tests say what to install, and so does tools/check-all.sh.
case "${1:-}" in
    --tests)
        if $apt && ! command -v spirv-val >/dev/null 2>&1; then
            install "spirv-val, for the tests" spirv-tools
        fi
        ;;
    --software)
        # OpenGL needs EGL and Mesa's rasteriser; SwiftShader comes with Chromium.
        wanted="mesa-vulkan-drivers libegl1 libgl1-mesa-dri"
        [ -n "${SWIFTSHADER:-}" ] || wanted="$wanted chromium"
        missing=""
        for package in $wanted; do
            dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
        done
        # shellcheck disable=SC2086 # several words
        if $apt && [ -n "$missing" ]; then install "software devices: lavapipe, llvmpipe, SwiftShader" $missing; fi
        ;;
esac

found && exit 0

if $apt; then
    install "no Vulkan driver was found: GPU drivers of Mesa and a software device" mesa-vulkan-drivers
    found && exit 0
fi

cat >&2 <<'HINT'
error: no Vulkan driver was found. Install one and run this again:
  Debian, Ubuntu   apt-get install mesa-vulkan-drivers
  Fedora           dnf install mesa-vulkan-drivers
  Arch             pacman -S vulkan-swrast   (or the package of your GPU: vulkan-radeon, vulkan-intel, nvidia-utils)
  Alpine           apk add mesa-vulkan-swrast vulkan-loader
  NixOS            hardware.graphics.enable = true
HINT
exit 1
