#!/bin/sh
# Runs a server that speaks on standard input and output, and keeps all that goes either way:
# `record.sh FOLDER COMMAND …`.
set -eu
kept=$(mktemp -d "$1/stdio-XXXXXX")
shift
tee "$kept/to-server" | "$@" 2>"$kept/said" | tee "$kept/to-client"
