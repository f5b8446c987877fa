"""How sure numbers about test scenes are: intervals over scenes, comparisons by scene, agreement between runs."""
