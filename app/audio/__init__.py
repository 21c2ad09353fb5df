"""Sound devices: microphone, speaker, their failover, and the drift between their clocks."""
