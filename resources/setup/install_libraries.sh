#!/bin/sh
# Install the named Debian packages that are missing. Elsewhere, or without the right to, say what is
# missing and go on: a user of another system has these libraries already or knows how to get them.
set -u
venv=""
if [ "${1:-}" = "--venv" ]; then
    venv=$2; python=$3; shift 3
    set -- "python3-venv" "python3-dev"
fi
command -v dpkg-query >/dev/null 2>&1 || exit 0
missing=""
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
if [ -n "$missing" ]; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo -n"
    echo "Installing shared libraries:$missing"
    export DEBIAN_FRONTEND=noninteractive
    if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1; then
        echo "Could not install them; if the window or the tests fail to start, run as root: apt-get install$missing" >&2
    fi
fi
[ -z "$venv" ] || exec "$python" -m venv "$venv"
