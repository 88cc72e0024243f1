"""What wakes the function: one module for each kind of event. `call.py` says what they share."""
