"""The benchmark and its rigs: what the program costs, and how late its picture and sound are."""
