// Replaced by the seal.
