#!/bin/sh
# Make the synthetic smoke data set (deterministic; a submit does it by itself when it is missing).
set -e
cloudmask=.venv/bin/cloudmask
[ -x "$cloudmask" ] || cloudmask=cloudmask # installed otherwise
"$cloudmask" data synthesize --profile smoke
