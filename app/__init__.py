"""The product: sources, sinks, sessions and commands around the engine."""
