"""Scenes, patches, data sets, and how they are read."""
