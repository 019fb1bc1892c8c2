"""The simulator as the inner loop of other people's searches: see README.md beside this file."""
