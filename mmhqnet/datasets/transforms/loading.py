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
from mmhqnet.structures.person_fields import fields_in
from mmhqnet.structures.run_length_masks import RunLengthMasks

from .persons import join_persons

# After the start of a JPEG: no filler, stuffed byte, restart or start marker.
_JPEG_MARKER = re.compile(rb'\xff([^\x00\x01\xd0-\xd8\xff])')


def is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG file stops before its end.

    OpenCV fills what is missing with grey and says nothing. What follows the
    end (the video of a motion photo, say) is not looked at.

    Returns: True if the end marker is missing; False for other formats.
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
    """Read an image, or say in one line which file cannot be used and why.

    Takes the arguments of mmcv's ``LoadImageFromFile`` and gives the same
    image.
    """

    def transform(self, results: dict) -> Optional[dict]:
        """Read ``results['img_path']``; None if ``ignore_empty`` and failed.

        Raises:
            InputError: The file is missing, truncated, not an image, or of
                another size than the annotation file says.
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
            results = super().transform(results)
        except (AssertionError, OSError, cv2.error) as error:
            raise InputError(f'{path} is not an image or is damaged; copy or '
                             'download it again') from error
        _check_size(results)
        return results


def _check_size(results: dict) -> None:
    """Refuse another photo than the labels were made on."""
    size = results['ori_shape']
    annotated = (results.get('height', size[0]), results.get('width', size[1]))
    if size == annotated:
        return
    remedy = 'use the photo that they belong to'
    if size == annotated[::-1]:
        remedy = ('its EXIF data may rotate it: load it with '
                  "color_type='color_ignore_orientation', or save it upright")
    raise InputError(f'image {results["img_path"]} has height and width '
                     f'{size}, but {annotated} in the annotation file; '
                     f'{remedy}')


@TRANSFORMS.register_module()
class LoadHumanAnnotations(LoadAnnotations):
    """Turn the labels of an image's persons (n) into columns.

    Needs ``instances`` as :class:`CocoUniHumanDataset` gives them. Crowds are
    among the n persons. Added keys, beside mmdet's ``gt_bboxes`` (n, 4),
    ``gt_bboxes_labels`` and ``gt_ignore_flags`` (n,):

    - ``gt_masks`` (RunLengthMasks, which are BitmapMasks): n masks of the
      image's size, empty for persons without one; ``gt_mask_valid``: (n,)
      bool, False for those;
    - ``gt_<column>`` of each row of the table of person fields;
    - ``gt_extra_fields``: (n,) dicts, in the pixels of the file, if the data
      set keeps extra fields.

    Args:
        with_keypoints: Whether to load fields that are points.
        with_attributes: Whether to load categories and numbers.
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
        """Load the labels."""
        if 'instances' not in results:
            return results  # of an image that nobody labelled
        results = super().transform(results)
        instances = results['instances']
        left_out = set()
        if not self.with_keypoints:
            left_out |= {'points'}
        if not self.with_attributes:
            left_out |= {'category', 'number'}
        for field in fields_in(results).values():
            if not field.is_mmdets and field.kind not in left_out:
                labels = [instance.get(field.key) for instance in instances]
                for column, values in field.load(labels).items():
                    results[f'gt_{column}'] = values
        if any('extra_fields' in instance for instance in instances):
            extra_fields = np.empty(len(instances), object)
            extra_fields[:] = [
                instance['extra_fields'] for instance in instances
            ]
            results['gt_extra_fields'] = extra_fields
        if results.get('gt_bboxes') is not None:
            join_persons(results)
        return results

    def _load_kps(self, results: dict) -> None:
        """NOTE as all fields, keypoints are loaded by the table."""

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
