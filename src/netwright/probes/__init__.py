"""Instruments for any nn.Module; they change no bit of a run."""
