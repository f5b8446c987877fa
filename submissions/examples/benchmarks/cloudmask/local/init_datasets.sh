#!/bin/sh
# Make the synthetic quick data set (deterministic; a submit does it by itself when it is missing).
set -e
.venv/bin/cloudmask data synthesize --profile quick
