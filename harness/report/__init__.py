"""The submission report: data.json and the page made of it."""
