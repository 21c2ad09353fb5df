"""From a photo to an avatar, and the space in which faces move."""
