#!/bin/sh
# No Python at all: it greets whoever calls it.
echo 'good morning'
