#!/usr/bin/env bash
# Makes .venv with the versions of requirements.lock, from whatever Python this machine has. `make setup` runs it.
# PYTHON=/path/to/python3.13 names the interpreter; without it the first one on PATH that is new enough is taken,
# and where there is none, uv provides Python 3.13. pip's own configuration and environment are left in force.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export PIP_DISABLE_PIP_VERSION_CHECK=1
venv=.venv
uv_home=$PWD/.uv

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

candidates() {
    if [ -n "${PYTHON:-}" ]; then type -P "$PYTHON" || true; return; fi
    type -aP python3.13 python3 python3.14 python3.12 || true
    # pyenv's python3 refuses to run where .python-version asks for a version it lacks; its other versions still serve.
    ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[2-9]*/bin/python3 2>/dev/null || true
}

version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }

# Running it is the test: a pyenv shim exists and fails.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }

find_python() {
    local python
    while read -r python; do
        if is_new_enough "$python"; then echo "$python"; return; fi
    done < <(candidates)
    return 1
}

# The path of uv: the user's, or one that an old Python's pip puts into the clone.
find_uv() {
    local old
    if type -P uv; then return; fi
    while read -r old; do
        version_of "$old" >/dev/null || continue
        say "no Python >= 3.12 found; installing uv with $old, to provide Python 3.13"
        if "$old" -m pip install --quiet --target "$uv_home/lib" --upgrade uv >&2; then
            echo "$uv_home/lib/bin/uv"; return
        fi
        if "$old" -m venv "$uv_home/venv" >&2 && "$uv_home/venv/bin/python" -m pip install --quiet uv >&2; then
            echo "$uv_home/venv/bin/uv"; return
        fi
    done < <(type -aP python3 python || true)
    return 1
}

uv_python() {
    local uv
    uv=$(find_uv) || return 1
    export UV_PYTHON_INSTALL_DIR=$uv_home/python UV_PYTHON_INSTALL_BIN=0 UV_CACHE_DIR=$uv_home/cache
    say "uv fetches Python 3.13 (about 30 MB)"
    "$uv" python install 3.13 >&2 && "$uv" python find --system 3.13
}

pick_python() { find_python || { [ -z "${PYTHON:-}" ] && uv_python; }; }

no_python() {
    local old found
    if [ -n "${PYTHON:-}" ]; then die "PYTHON=$PYTHON does not run or is older than 3.12"; fi
    old=$(type -P python3 || true)
    found=${old:+$old is $(version_of "$old" || echo broken), }
    die "Python >= 3.12 is missing (${found}uv could not provide one): install it" \
        "(Debian 13: apt-get install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3.13"
}

# Debian's python3 has no ensurepip until python3-venv is installed. Any pip nearby serves instead; failing that, the
# wheel in Debian's package python3-pip-whl, which apt-get can fetch without installing it.
borrow_pip() {
    local python=$1 box=$PWD/$venv/debian wheel
    "$python" -m venv --clear --without-pip "$venv" || return
    if "$python" -m pip --python "$venv/bin/python" install --quiet pip 2>/dev/null; then return; fi
    mkdir "$box"
    (cd "$box" && apt-get -qq -o APT::Sandbox::User=root download python3-pip-whl && dpkg-deb --extract ./*.deb .) || return
    wheel=$(echo "$box"/usr/share/python-wheels/pip-*.whl)
    "$venv/bin/python" "$wheel/pip" install --quiet --no-index "$wheel" && rm -r "$box"
}

venv_works() { is_new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

make_venv() {
    local python=$1
    say "virtual environment $venv with $python ($(version_of "$python"))"
    if "$python" -c 'import ensurepip' 2>/dev/null; then "$python" -m venv --clear "$venv"; return; fi
    say "$python has no ensurepip; looking for pip elsewhere"
    borrow_pip "$python" || die "$python cannot make virtual environments: apt-get update && apt-get install python3-venv"
}

install_packages() {
    say "installing the packages of requirements.lock, about a minute the first time"
    "$venv/bin/python" -m pip install --no-deps --no-compile --requirement requirements.lock
    "$venv/bin/python" -m pip install --no-deps --no-build-isolation --editable .
    "$venv/bin/python" -m pip check
}

# Shows that what was installed works together, and leaves bytecode and fonts cached. pip would compile every file, most of
# them never imported, in three times the time; PYTHONDONTWRITEBYTECODE would have every later process compile its own.
first_import() {
    say "first import"
    env -u PYTHONDONTWRITEBYTECODE "$venv/bin/python" -c 'import brian2, h5netcdf, matplotlib.pyplot, typer, xarray, zarr'
}

warn_without_compiler() {
    if [ -n "$(type -P "${CXX:-g++}" g++ clang++)" ]; then return; fi
    say "note: no C++ compiler found; everything runs, but slower, on Brian2's numpy target (Debian: apt-get install g++)"
}

if ! venv_works; then
    python=$(pick_python) || no_python
    make_venv "$python"
fi
install_packages
first_import
warn_without_compiler
say "done"
