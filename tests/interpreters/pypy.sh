#!/bin/sh
# Another implementation, with another loop.
echo 'pypy 3.10.14'
