"""The list of recordings, their analysis, the player and the microphone."""
