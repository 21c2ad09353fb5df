"""One face speaking: sources, pipeline, queues, clock and figures. Knows no device and no network."""
