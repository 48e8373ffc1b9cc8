"""Banned phrases: the lexicon, the fold that undoes disguises, and the matcher; pure, texts in and hits out."""
