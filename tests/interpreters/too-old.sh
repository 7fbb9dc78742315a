#!/bin/sh
# Python 2, as far as anybody can tell.
echo 'cpython 2.7.18'
