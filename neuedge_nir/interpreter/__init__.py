"""The reference interpreter: what a network does, timestep by timestep. Passes and chips are held against it."""
