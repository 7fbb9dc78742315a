#!/bin/sh
# Cannot even say who it is.
echo 'libpython is missing' >&2
exit 127
