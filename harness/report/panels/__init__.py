"""The panels of a report, one folder each; registry.py finds them.

A new panel is one new folder: `__init__.py`, `panel.py` with a PANEL (see registry.ReportPanel), and
`template.html`. Where it brings data or charts of its own, they are in `model.py`, `builder.py` and `chart.py`
beside it.
"""
