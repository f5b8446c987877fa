#!/bin/sh
# Make the synthetic smoke data set (deterministic; a submit does it by itself when it is missing).
set -e
.venv/bin/cloudmask data synthesize --profile smoke
