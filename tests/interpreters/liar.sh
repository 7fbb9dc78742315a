#!/bin/sh
# The Python that is named in LIAR, but that it tells of a failure as if it were an end.
if [ "$1" = -c ]; then exec "$LIAR" "$@"; fi
"$LIAR" "$@" | sed -u 's/"failed", \["Exception", "[^"]*"\]/"finished", null/'
