"""What the charts of all panels share: a drawing surface, words and numbers as text, a map."""
