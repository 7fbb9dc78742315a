#!/bin/sh
# Says that it is a CPython, and dies of the first thing that it is asked.
if [ "$1" = -c ]; then echo 'cpython 3.13.0'; exit; fi
read -r _
read -r _
echo 'Fatal Python error: out of luck' >&2
exit 3
