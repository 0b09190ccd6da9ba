"""placeholder for the search benchmark."""

import torch
from _cell_table import fill

if __name__ == "__main__":
    torch.set_num_threads(1)
    fill()
