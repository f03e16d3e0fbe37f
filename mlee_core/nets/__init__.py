"""Networks, sequence packing, normalisation and tensor files."""
