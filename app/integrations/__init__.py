"""The face as a part of frameworks for voice agents, each of which is an extra of its own."""
