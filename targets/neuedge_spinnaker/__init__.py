"""SpiNNaker 1 and SpiNNaker 2: chip files, and the two targets that carry them."""
