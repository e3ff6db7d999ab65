"""Transposed convolutions that do not overlap, as the convolutions that they are."""

from torch import Tensor, nn


class ShuffledConvolution(nn.Module):
    """A transposed convolution whose stride is its kernel's side, as a 1x1 convolution and a pixel shuffle.

    Each input pixel gives a square of output pixels, and no two squares meet, so the sums are the same. Runtimes have
    slow kernels for the transposed form, and most of them none in INT8.
    """

    def __init__(self, transposed: nn.ConvTranspose2d) -> None:
        """Takes over the weights of `transposed`, for which `is_shuffle` holds."""
        super().__init__()
        side = transposed.kernel_size[0]
        weight = transposed.weight.detach().permute(1, 2, 3, 0)  # [C, side, side, C_in]
        state = {"weight": weight.reshape(-1, transposed.in_channels, 1, 1)}
        if transposed.bias is not None:
            state["bias"] = transposed.bias.detach().repeat_interleave(side**2)
        channels = transposed.out_channels * side**2
        self.convolution = nn.Conv2d(transposed.in_channels, channels, 1, bias=transposed.bias is not None)
        self.convolution.load_state_dict(state)
        self.shuffle = nn.PixelShuffle(side)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [B, C_in, h, w] to [B, C, side h, side w]."""
        shuffled: Tensor = self.shuffle(self.convolution(maps))
        return shuffled


def is_shuffle(module: nn.Module) -> bool:
    """Tells whether a module is a transposed convolution whose output squares tile the plane."""
    return (
        isinstance(module, nn.ConvTranspose2d)
        and module.kernel_size == module.stride == (module.kernel_size[0],) * 2
        and module.padding == module.output_padding == (0, 0)
        and module.dilation == (1, 1)
        and module.groups == 1
    )


def shuffle_upsampling(network: nn.Module) -> None:
    """Replaces, in place, every transposed convolution for which `is_shuffle` holds."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ConvTranspose2d) and is_shuffle(child):
                shuffled = ShuffledConvolution(child)
                for of_ultralytics in ("i", "f"):  # where the layer stands and whose outputs it takes
                    if hasattr(child, of_ultralytics):
                        setattr(shuffled, of_ultralytics, getattr(child, of_ultralytics))
                setattr(parent, name, shuffled)
