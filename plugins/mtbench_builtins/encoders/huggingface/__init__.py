"""Text encoders of the library transformers, behind the interface of mtbench."""
