"""Inference back ends, each the only file that imports its library."""
