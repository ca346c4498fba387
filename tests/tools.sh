#!/bin/sh
# Sees to it that what the tests need is there. As root on Debian it installs what is missing; elsewhere it names it.
set -eu

missing=""
need() { # package, command …
    package=$1
    shift
    for command in "$@"; do
        if command -v "$command" >/dev/null 2>&1 || [ -x "$command" ]; then return 0; fi
    done
    missing="$missing $package"
}

need chromium chromium chromium-browser google-chrome

if ! cargo nextest --version >/dev/null 2>&1; then
    echo "Installing cargo-nextest (once; it takes some minutes)."
    cargo install --locked cargo-nextest
fi

[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then
    echo "Installing:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing fonts-dejavu-core >/dev/null
else
    echo "The tests need these programs; please install them:$missing" >&2
    exit 1
fi
