"""The image: what it runs, how it is built and what proves it. Docker looks for the Dockerfile in the root."""
