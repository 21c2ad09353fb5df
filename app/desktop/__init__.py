"""The program behind the window: what it does when its buttons are pressed."""
