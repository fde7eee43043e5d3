"""The content of HDF5 files that nobody vouches for: two readers of headers, one of values.

`walk` reads the plain old format that NIR files are written in, straight from the bytes; `library` asks h5py about
all others. Both give the same headers, within the same caps. Nothing outside this folder opens an HDF5 file to read.
"""
