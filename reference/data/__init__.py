"""Scenes, patches and data sets: reading, dividing, preparing and synthesizing them."""
