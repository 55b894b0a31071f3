"""The requirements that the suite judges by, as data."""
