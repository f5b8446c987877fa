"""The rulebook as Markdown, generated from data: the catalogue with its examples, and the coverage of sources."""
