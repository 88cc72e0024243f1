"""`make soak`: thousands of uploads through a queue, with poison, faults and killed environments, and a verdict."""
