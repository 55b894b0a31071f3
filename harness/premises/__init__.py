"""Run a home of two or three bridges, one reachable only through another."""
