"""The passes that come with neuedge-nir, one file each."""
