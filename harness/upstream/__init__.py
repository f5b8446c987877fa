"""Results of upstream's own program (CloudMask v1.1), which knows no evidence: read, and filed as an open entry."""
