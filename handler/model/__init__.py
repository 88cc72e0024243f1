"""The model behind one lazy door, and one module for each library that can run a network."""
