#!/bin/sh
# Says that it is a CPython, and answers everything with something that is no answer.
if [ "$1" = -c ]; then echo 'cpython 3.13.0'; exit; fi
while read -r _; do echo 'Segmentation fault (just kidding)'; done
