#!/bin/sh
# Makes sure that there is a Vulkan driver: installs Mesa's where the package manager is known and we
# may, else says what to install. Metal (macOS) and DX12 (Windows) come with the system.
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

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"

# The tests validate every shader's SPIR-V; with another package manager they say what to install.
if [ "${1:-}" = --tests ] && ! command -v spirv-val >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    echo "Installing spirv-tools (spirv-val, for the tests)."
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends spirv-tools >/dev/null
fi

found && exit 0

if command -v apt-get >/dev/null 2>&1; then
    echo "No Vulkan driver found: installing mesa-vulkan-drivers (GPU drivers of Mesa and a software device)."
    [ -z "$sudo" ] || command -v sudo >/dev/null 2>&1 || {
        echo "error: please run as root: apt-get install mesa-vulkan-drivers" >&2
        exit 1
    }
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mesa-vulkan-drivers >/dev/null
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
