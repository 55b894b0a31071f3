"""Judge an OTA server: a client that sends exactly what it is told, and the cases that tell it."""
