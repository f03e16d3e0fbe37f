#!/bin/sh
# Finds a Python that fits and hands over to setup.py. Usage: packaging/setup.sh [PYTHON]
# With PYTHON only that one is tried. POSIX sh, since a bare machine has no more.
cd "$(dirname "$0")/.." || exit 1

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

if [ -n "$1" ]; then
    fits "$1" && exec "$1" packaging/setup.py --replace
    echo "mlee: PYTHON=$1 is not a Python 3.11, 3.12 or 3.13 that can be started." >&2
    exit 2
fi
for python in python3 python3.13 python3.12 python3.11; do
    fits "$python" && exec "$python" packaging/setup.py
done
echo "mlee: no Python 3.11, 3.12 or 3.13 found: install one (apt-get install python3)" \
    "or name it with make PYTHON=/path/to/python." >&2
exit 2
