import re
from typing import Optional, Union

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmdet.datasets.transforms import LoadAnnotations
from mmdet.structures.mask import PolygonMasks
from mmengine.fileio import get
from pycocotools import mask as mask_utils

from mmhqnet.errors import InputError
from mmhqnet.registry import TRANSFORMS
from mmhqnet.structures.run_length_masks import RunLengthMasks

# After the start of a JPEG: no filler, stuffed byte, restart or start marker.
_JPEG_MARKER = re.compile(rb'\xff([^\x00\x01\xd0-\xd8\xff])')


def is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG file stops before its end.

    OpenCV fills what is missing with grey and says nothing. What follows the
    end (the video of a motion photo, say) is not looked at.

    Returns:
        bool: True if the end marker is missing; False for other formats.
    """
    if content.startswith(b'\xff\xd8'):
        return not _jpeg_ends(content)
    if content.startswith(b'\x89PNG'):
        return not _png_ends(content)
    return False


def _jpeg_ends(content: bytes) -> bool:
    position = 2
    while marker := _JPEG_MARKER.search(content, position):
        if marker[1] == b'\xd9':  # end of image
            return True
        # A segment; the coded data after it contain no marker.
        start = marker.end()
        position = start + int.from_bytes(content[start:start + 2], 'big')
    return False


def _png_ends(content: bytes) -> bool:
    position = 8
    while position + 12 <= len(content):
        # A chunk: length of the data, name, data, check sum.
        if content[position + 4:position + 8] == b'IEND':
            return True
        position += 12 + int.from_bytes(content[position:position + 4], 'big')
    return False


@TRANSFORMS.register_module()
class LoadHumanImage(LoadImageFromFile):
    """Read an image, or say in one line which file cannot be read and why.

    Takes the arguments of mmcv's ``LoadImageFromFile`` and gives the same
    image.
    """

    def transform(self, results: dict) -> Optional[dict]:
        """Read ``results['img_path']``.

        Args:
            results (dict): Result dict from the dataset.

        Returns:
            dict | None: With ``img`` (H, W, 3), ``img_shape`` and
            ``ori_shape``; None if it failed and ``ignore_empty`` is set.

        Raises:
            InputError: If the file is missing, truncated or not an image.
        """
        path = results['img_path']
        if self.ignore_empty:
            return super().transform(results)
        try:
            content = get(path, backend_args=self.backend_args)
        except OSError as error:
            raise InputError(
                f'cannot read image {path}: {error.strerror or error}; check '
                'the path (in a config: data_root and data_prefix)') from error
        if is_cut_off(content):
            raise InputError(
                f'image {path} is truncated; copy or download it again')
        try:
            return super().transform(results)
        except (AssertionError, OSError, cv2.error) as error:
            raise InputError(f'{path} is not an image or is damaged; copy or '
                             'download it again') from error


@TRANSFORMS.register_module()
class LoadHumanAnnotations(LoadAnnotations):
    """Turn the labels of an image's persons (n) into arrays.

    Needs ``instances`` and ``num_keypoints`` (K) as
    :class:`CocoUniHumanDataset` gives them. Crowds are among the n persons.

    Added keys, beside mmdet's ``gt_bboxes`` (n, 4), ``gt_bboxes_labels`` and
    ``gt_ignore_flags`` (n,):

    - ``gt_masks`` (RunLengthMasks, which are BitmapMasks): n masks of the
      image's size, empty for persons without one; ``gt_mask_valid``: (n,)
      bool, False for those.
    - ``gt_keypoints``: (n, K, 2) float32, pixels; ``gt_keypoints_visible``:
      (n, K) float32, COCO's visibility, 0 is not labelled.
    - ``gt_areas``: (n,) float32, square pixels.
    - ``gt_genders``: (n,) int64, 0 male, 1 female, -1 unknown.
    - ``gt_ages``: (n,) int64, 0..84, -1 unknown.
    - ``gt_extra_fields``: (n,) dicts, in the pixels of the file, if the data
      set keeps extra fields.

    Args:
        with_mask (bool): Whether to load masks. Defaults to True.
        with_keypoints (bool): Whether to load keypoints. Defaults to True.
        with_attributes (bool): Whether to load gender and age. Defaults to
            True.
        **kwargs: Arguments of mmdet's ``LoadAnnotations``.
    """

    def __init__(self,
                 with_mask: bool = True,
                 with_keypoints: bool = True,
                 with_attributes: bool = True,
                 **kwargs) -> None:
        super().__init__(
            with_mask=with_mask, with_keypoints=with_keypoints, **kwargs)
        self.with_attributes = with_attributes

    def transform(self, results: dict) -> dict:
        """Load the labels.

        Args:
            results (dict): Result dict from the dataset.

        Returns:
            dict: With the keys above.
        """
        if 'instances' not in results:
            return results  # of an image that nobody labelled
        results = super().transform(results)
        instances = results['instances']
        results['gt_areas'] = np.array(
            [instance['area'] for instance in instances], np.float32)
        if self.with_keypoints:
            self._load_kps(results)
        if self.with_attributes:
            for key, name in (('gt_genders', 'gender'), ('gt_ages', 'age')):
                results[key] = np.array(
                    [instance[name] for instance in instances], np.int64)
        if any('extra_fields' in instance for instance in instances):
            extra_fields = np.empty(len(instances), object)
            extra_fields[:] = [
                instance['extra_fields'] for instance in instances
            ]
            results['gt_extra_fields'] = extra_fields
        return results

    def _load_kps(self, results: dict) -> None:
        keypoints = np.array(
            [instance['keypoints'] for instance in results['instances']],
            np.float32).reshape(-1, results['num_keypoints'], 3)
        results['gt_keypoints'] = keypoints[..., :2].copy()
        results['gt_keypoints_visible'] = keypoints[..., 2].copy()

    def _load_masks(self, results: dict) -> None:
        # Unlike the parent, a person without a usable mask is not ignored:
        # its other labels still count.
        height, width = results['ori_shape']
        shapes = [
            self._mask_shape(instance.get('mask'), results)
            for instance in results['instances']
        ]
        results['gt_mask_valid'] = np.array(
            [shape is not None for shape in shapes], bool)
        if self.poly2mask:
            results['gt_masks'] = RunLengthMasks.of_image(
                [_run_length_code(shape, height, width) for shape in shapes],
                height, width)
        else:
            results['gt_masks'] = PolygonMasks(
                [[np.zeros(6)] if shape is None else shape
                 for shape in shapes], height, width)

    def _mask_shape(self, mask: Union[list, dict, None],
                    results: dict) -> Union[list, dict, None]:
        """Proper polygons or a run-length code; None if there is neither."""
        if isinstance(mask, list):
            polygons = [
                np.array(polygon) for polygon in mask
                if len(polygon) % 2 == 0 and len(polygon) >= 6
            ]
            return polygons or None
        if mask is None or not self.poly2mask:
            return None
        if tuple(mask['size']) != results['ori_shape']:
            raise InputError(
                f'image {results["img_path"]} has height and width '
                f'{results["ori_shape"]}, but masks of {tuple(mask["size"])} '
                'in the annotation file; use the photo they belong to')
        return mask

    def __repr__(self) -> str:
        return (f'{super().__repr__()[:-1]}, '
                f'with_keypoints={self.with_keypoints}, '
                f'with_attributes={self.with_attributes})')


def _run_length_code(shape: Union[list, dict, None], height: int,
                     width: int) -> dict:
    """One compressed run-length code of polygons, of a code, or of nothing."""
    if shape is None:
        return mask_utils.encode(np.zeros((height, width), np.uint8, 'F'))
    if isinstance(shape, list):
        return mask_utils.merge(mask_utils.frPyObjects(shape, height, width))
    if isinstance(shape['counts'], list):
        return mask_utils.frPyObjects(shape, height, width)
    return shape
