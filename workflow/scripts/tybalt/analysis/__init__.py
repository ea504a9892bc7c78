"""What a code is good for: one function for each rule."""
