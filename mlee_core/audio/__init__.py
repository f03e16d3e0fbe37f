"""Recordings: decoding, headers, features, speech segments, quality, the microphone."""
