#!/bin/sh
# A CPython that cannot read TOML.
echo 'cpython 3.8.18'
