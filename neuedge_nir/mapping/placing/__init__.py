"""Where clusters stand: a graph of messages laid on the sites of a machine, so that ways are short."""
