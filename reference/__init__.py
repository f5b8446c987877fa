"""The benchmark itself: scenes, patches, U-Net, training, inference, metrics, synthetic scenes.

It knows nothing of the harness: it reads a run spec (reference/protocol/spec.py) and prints MLLOG lines,
so that any other implementation, in any framework, can take its place.
"""
