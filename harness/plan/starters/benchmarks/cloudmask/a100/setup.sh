#!/bin/sh
# Install into .venv: what fetches the data, and TensorFlow's CUDA libraries where there is an NVIDIA GPU.
set -e
[ -f Makefile ] || { echo "no checkout here: install cloudmask-harness with pip"; exit 0; }
if command -v nvidia-smi >/dev/null 2>&1; then make setup EXTRA=cuda,fetch; else make setup EXTRA=fetch; fi
