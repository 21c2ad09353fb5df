"""Media to and from WebRTC peers."""
