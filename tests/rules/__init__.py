"""The rulebook: packages that pass, one mutation or more for each rule, and comparisons with mlperf_logging."""
