"""The sessions that the server runs, who made them and who watches them."""
