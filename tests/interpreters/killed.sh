#!/bin/sh
# The Python that is named in LIAR, until it has answered twice: then it is killed.
if [ "$1" = -c ]; then exec "$LIAR" "$@"; fi
"$LIAR" "$@" | sed -u 2q
kill -KILL $$
