"""Fetching the official scenes from their public bucket: parallel, checked, and resumable after a kill."""
