"""Names of files in run folders that are needed where the rest of the run folder is not."""

MODEL_FILE = "model.safetensors"
