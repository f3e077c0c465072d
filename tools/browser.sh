#!/bin/sh
# Prints the path of the browser that drives the panel's tests; as root on Debian it installs one when there is none.
set -eu

say() { printf 'vafa: %s\n' "$*" >&2; }
find_browser() {
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name"; then return 0; fi
    done
    return 1
}

find_browser && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing chromium"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core; } >&2 &&
        find_browser && exit 0
fi
say "a browser is missing. Install it, then run make again: sudo apt-get install chromium"
exit 1
