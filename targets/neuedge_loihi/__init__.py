"""Intel Loihi 1 and Loihi 2: chip files, and the two targets that carry them."""
