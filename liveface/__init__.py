"""One photo and live speech become a talking head."""
