"""Drawing of all figures: colours, style and export."""
