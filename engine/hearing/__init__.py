"""From sound to motions."""
