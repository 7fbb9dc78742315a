#!/bin/sh
# Tells of runs in which nothing happens.
if [ "$1" = -c ]; then echo 'cpython 3.13.0'; exit; fi
while read -r _; do echo '{"events": [], "outcome": ["finished", null]}'; done
