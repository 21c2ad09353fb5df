"""From motions and avatars to pictures."""
