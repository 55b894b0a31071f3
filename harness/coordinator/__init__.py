"""Sit at a radio stick: form or resume a network, admit devices, carry datagrams."""
