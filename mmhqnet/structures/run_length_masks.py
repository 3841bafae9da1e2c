"""Masks that stay run-length codes until somebody needs the pixels."""
from functools import cached_property
from typing import List, Sequence, Tuple, Union

import cv2
import mmcv
import numpy as np
import torch
from mmdet.structures.mask import BitmapMasks
from pycocotools import mask as mask_utils
from torch import Tensor


class RunLengthMasks(BitmapMasks):
    """mmdet's ``BitmapMasks``, drawn late.

    Flipping, cropping, padding with zeros and resizing to the nearest pixel
    only pick rows and columns. A chain of them is two lists: the row of the
    annotated image that each row shows, and the same for columns. These
    transforms touch the lists alone, the codes travel from the worker to the
    training process, and there each mask is drawn inside the box of its
    person. The pixels are exactly those of ``BitmapMasks``.

    Any other transform, and any transform after ``masks`` was read or
    assigned, works on the pixels and returns ``BitmapMasks``.

    Args:
        codes: Compressed run-length codes of n masks, as of pycocotools.
        rows: Row of the codes' image that each row shows, -1 for none,
            (height, ).
        columns: The same for columns, (width, ).
    """

    def __init__(self, codes: Sequence[dict], rows: np.ndarray,
                 columns: np.ndarray) -> None:
        self.codes, self.rows, self.columns = list(codes), rows, columns
        self.height, self.width = len(rows), len(columns)

    @classmethod
    def of_image(cls, codes: Sequence[dict], height: int,
                 width: int) -> 'RunLengthMasks':
        """Masks of an image of that size as it was annotated."""
        return cls(codes, np.arange(height), np.arange(width))

    @cached_property
    def masks(self) -> np.ndarray:
        """np.ndarray: The pixels, uint8, (n, height, width)."""
        return self._draw()

    @property
    def _is_drawn(self) -> bool:
        """Whether somebody has seen the pixels, and may have changed them."""
        return 'masks' in vars(self)

    def _draw(self) -> np.ndarray:
        canvas = np.zeros((len(self), self.height, self.width), np.uint8)
        for pixels, code in zip(canvas, self.codes):
            x, y, w, h = mask_utils.toBbox(code).astype(int)
            rows = np.flatnonzero((self.rows >= y) & (self.rows < y + h))
            columns = np.flatnonzero((self.columns >= x)
                                     & (self.columns < x + w))
            if len(rows) and len(columns):
                person = decode_columns(code, x, x + w)
                person = person[self.columns[columns] - x]
                person = np.ascontiguousarray(person[:, y:y + h].T)
                # They are consecutive, and a slice copies faster.
                place = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
                pixels[place] = person[self.rows[rows] - y]
        return canvas

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(num_masks={len(self)}, '
                f'height={self.height}, width={self.width})')

    def __getitem__(self, index) -> BitmapMasks:
        """Select masks by an integer, a slice, integers or flags."""
        if self._is_drawn:
            return super().__getitem__(index)
        selected = np.arange(len(self))[index].reshape(-1)
        return RunLengthMasks([self.codes[i] for i in selected], self.rows,
                              self.columns)

    def to_ndarray(self) -> np.ndarray:
        """The pixels, uint8 (n, height, width), without keeping them."""
        return self.masks if self._is_drawn else self._draw()

    def to_tensor(self, dtype: torch.dtype, device: torch.device) -> Tensor:
        """The pixels on a device, (n, height, width)."""
        pixels = torch.from_numpy(self.to_ndarray())
        return pixels.to(device, non_blocking=True).to(dtype)

    def flip(self, flip_direction: str = 'horizontal') -> BitmapMasks:
        """Mirror the masks."""
        if self._is_drawn:
            return super().flip(flip_direction)
        assert flip_direction in ('horizontal', 'vertical', 'diagonal')
        rows, columns = self.rows, self.columns
        if flip_direction != 'horizontal':
            rows = rows[::-1]
        if flip_direction != 'vertical':
            columns = columns[::-1]
        return RunLengthMasks(self.codes, rows, columns)

    def crop(self, bbox: np.ndarray) -> BitmapMasks:
        """Cut the box x1, y1, x2, y2 (4, ), whole pixels, out of every mask.

        At least one pixel remains.
        """
        if self._is_drawn:
            return super().crop(bbox)
        x1, x2 = bbox[0::2].clip(0, self.width)
        y1, y2 = bbox[1::2].clip(0, self.height)
        return RunLengthMasks(self.codes, self.rows[y1:max(y2, y1 + 1)],
                              self.columns[x1:max(x2, x1 + 1)])

    def pad(self, out_shape: Sequence[int], pad_val: int = 0) -> BitmapMasks:
        """Extend the masks to the right and downwards to (height, width)."""
        if self._is_drawn or pad_val != 0:
            return super().pad(out_shape, pad_val)
        return RunLengthMasks(
            self.codes,
            *(np.pad(source, (0, length - len(source)), constant_values=-1)
              for source, length in zip((self.rows, self.columns), out_shape)))

    def resize(self,
               out_shape: Sequence[int],
               interpolation: str = 'nearest') -> BitmapMasks:
        """Resize the masks to (height, width)."""
        if self._is_drawn or interpolation != 'nearest':
            return super().resize(out_shape, interpolation)
        return RunLengthMasks(
            self.codes, *map(_nearest, (self.rows, self.columns), out_shape))

    def rescale(self,
                scale: Union[float, Tuple[int, int]],
                interpolation: str = 'nearest') -> BitmapMasks:
        """Resize, keeping the aspect ratio; see ``mmcv.imrescale``."""
        width, height = mmcv.rescale_size((self.width, self.height), scale)
        return self.resize((height, width), interpolation)

    @classmethod
    def cat(cls, masks: Sequence[BitmapMasks]) -> BitmapMasks:
        """Join masks of equal size."""
        return BitmapMasks.cat(masks)


def encode_masks(masks) -> List[dict]:
    """Codes of pycocotools of all masks of an image, in one call.

    Masks are (n, H, W), bool or 0 and 1; codes are passed through.
    """
    if isinstance(masks, (list, tuple)):
        return list(masks)
    if isinstance(masks, torch.Tensor):
        masks = masks.detach().to(torch.uint8).cpu().numpy()
    number, height, width = np.shape(masks)
    # COCO encodes column by column. OpenCV transposes faster than NumPy and
    # PyTorch, and the last step is a view.
    columns = np.empty((number, width, height), np.uint8)
    for mask, transposed in zip(np.asarray(masks, np.uint8), columns):
        cv2.transpose(mask, transposed)
    return mask_utils.encode(columns.T)


def decode_columns(code: dict, first: int, end: int) -> np.ndarray:
    """Draw the columns of a mask outside of which it is empty.

    Unlike pycocotools this takes no time for the rest of the image.

    Args:
        code: Compressed run-length code.
        first, end: First column, and the one after the last.

    Returns: uint8, column by column, (end - first, height).
    """
    height = code['size'][0]
    # Runs go down one column after the other; zeros come first.
    begin = first * height
    ends = np.cumsum(run_lengths(code['counts'])).clip(begin, end * height)
    values = np.arange(len(ends)) & 1
    pixels = np.repeat(values.astype(np.uint8), np.diff(ends, prepend=begin))
    return pixels.reshape(end - first, height)


def run_lengths(counts: Union[bytes, str]) -> np.ndarray:
    """Undo the compression of a run-length code.

    A character holds five bits of a number, lowest first, and one bit that
    says whether the number goes on. Numbers are signed. From the fourth on
    they are differences to the number before the last.

    Args:
        counts: As of pycocotools.

    Returns: Numbers of zeros and ones in turn, int64, (num_runs, ).
    """
    if isinstance(counts, str):
        counts = counts.encode()
    digits = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    is_last = digits < 32
    ends = np.flatnonzero(is_last)
    begins = np.r_[0, ends[:-1] + 1]
    places = np.arange(len(digits)) - np.repeat(begins, ends - begins + 1)
    numbers = np.add.reduceat((digits & 31) << 5 * places, begins)
    numbers -= (digits[ends] >> 4) << 5 * (places[ends] + 1)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _nearest(source: np.ndarray, length: int) -> np.ndarray:
    """Rows or columns after resizing: OpenCV says which it would take."""
    resized = mmcv.imresize(
        source[None].astype(np.float32), (length, 1), interpolation='nearest')
    return resized[0].astype(source.dtype)
