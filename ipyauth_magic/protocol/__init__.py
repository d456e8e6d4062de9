"""The protocol in the RFCs' words: values and pure rules."""
