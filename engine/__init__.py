"""Pure numbers: arrays in, arrays out. No thread, event loop, device or network."""
