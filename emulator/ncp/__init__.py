"""Be a ZigBee stick in software: ASH, EZSP, and the virtual network behind them."""
