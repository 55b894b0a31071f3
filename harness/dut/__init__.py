"""A device under test that nobody here made: what its maker states of it, and its firmware."""
