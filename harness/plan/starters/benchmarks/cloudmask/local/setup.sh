#!/bin/sh
# Install into .venv, with TensorFlow's CUDA libraries where there is an NVIDIA GPU.
set -e
[ -f Makefile ] || { echo "no checkout here: install cloudmask-harness with pip"; exit 0; }
if command -v nvidia-smi >/dev/null 2>&1; then make setup EXTRA=cuda; else make setup; fi
