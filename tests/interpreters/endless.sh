#!/bin/sh
# Says that it is a CPython, and cannot stop talking.
if [ "$1" = -c ]; then echo 'cpython 3.13.0'; exit; fi
exec yes rubbish
