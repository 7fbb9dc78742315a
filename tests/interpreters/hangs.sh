#!/bin/sh
# Says that it is a CPython, and never anything more.
if [ "$1" = -c ]; then echo 'cpython 3.13.0'; exit; fi
exec sleep 1000
