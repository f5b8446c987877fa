"""Devices that follow a script."""
