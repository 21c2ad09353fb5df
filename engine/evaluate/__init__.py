"""Scores of pictures, lips and action units: arrays in, numbers out."""
