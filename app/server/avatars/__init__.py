"""The faces that the server offers, and how an uploaded photo becomes one."""
