"""What cuts the supply of a device on a bench: a command, a relay, a person."""
