"""Progress bars and text on the terminal."""
