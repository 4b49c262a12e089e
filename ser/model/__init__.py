"""Network: BLSTM layers, one of four attentions, a linear layer, and its loss and decision."""
