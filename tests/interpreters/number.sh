#!/bin/sh
# Answers with JSON, but with none that tells of a run.
if [ "$1" = -c ]; then echo 'cpython 3.13.0'; exit; fi
while read -r _; do echo '42'; done
