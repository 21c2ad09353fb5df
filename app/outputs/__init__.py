"""Where frames go: recording, virtual camera, virtual microphone, several at once."""
