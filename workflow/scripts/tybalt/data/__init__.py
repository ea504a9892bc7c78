"""From raw files to the matrix: readers, cleaning, split; a simulated cohort; downloads."""
