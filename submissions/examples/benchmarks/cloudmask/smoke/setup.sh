#!/bin/sh
# Install into .venv, with TensorFlow's CUDA libraries where there is an NVIDIA GPU.
set -e
if command -v nvidia-smi >/dev/null 2>&1; then make setup EXTRA=cuda; else make setup; fi
