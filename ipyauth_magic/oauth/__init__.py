"""The protocol, in the RFCs' words."""
