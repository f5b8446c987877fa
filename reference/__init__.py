"""The benchmark itself: scenes, patches, U-Net, training, inference, metrics, synthetic scenes.

It depends on neither the harness nor the rules: it reads a run spec (reference/protocol/spec.py) and
prints MLLOG lines, so that any other implementation, in any framework, can take its place.
"""
