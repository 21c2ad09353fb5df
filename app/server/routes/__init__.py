"""What the server answers over HTTP and WebSocket, one protocol per file."""
