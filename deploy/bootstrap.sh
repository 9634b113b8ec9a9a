#!/bin/sh
# Makes .venv with exactly the packages of requirements.lock. Does nothing when it is already so.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

can_make_environments() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

debian_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "Installing $* ..."
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    install="apt-get --quiet=2 -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends"
    # Lists may be missing or too old to be true: then fetch them and try once more.
    $install "$@" >/dev/null 2>&1 || { apt-get --quiet=2 update && $install "$@" >/dev/null; }
}

# Debian keeps venv in a package of its own, named after the Python it belongs to.
venv_package() {
    "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

choose_python() {
    python=$(find_python) || {
        debian_install python3 python3-venv || true
        python=$(find_python) || die \
            "Tomato needs Python 3.11 or newer, and found none." \
            "On Debian 12 or Ubuntu 24.04:  sudo apt-get install python3 python3-venv"
    }
    can_make_environments "$python" || {
        package=$(venv_package "$python")
        debian_install "$package" || true
        can_make_environments "$python" || die \
            "$python cannot make virtual environments.  Run:  sudo apt-get install $package"
    }
}

if ! new_enough .venv/bin/python; then
    choose_python
    say "Making .venv with $python ..."
    "$python" -m venv --clear .venv
fi

# The stamp is the lock file that was installed last.
if ! cmp -s requirements.lock .venv/installed.lock; then
    say "Installing requirements.lock into .venv (a minute or two, once) ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes --requirement requirements.lock
    cp requirements.lock .venv/installed.lock
fi
