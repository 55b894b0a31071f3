"""The cases that judge whole homes, by topic."""
