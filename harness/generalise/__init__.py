"""Leave one group out: what a model makes of scenes of a kind, place or sensor that it was not trained on."""
