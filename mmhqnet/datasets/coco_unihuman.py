from typing import List, Mapping, Optional, Sequence

from mmcv.transforms import LoadImageFromFile
from mmdet.datasets import CocoDataset
from mmdet.datasets.api_wrappers import COCO

from mmhqnet.errors import InputError
from mmhqnet.files import read_json
from mmhqnet.registry import DATASETS
from mmhqnet.structures.keypoint_metainfo import load_keypoint_metainfo
from mmhqnet.structures.label_rules import is_flagged_valid
from mmhqnet.structures.person_fields import fields_to_dicts, resolve_fields

from .annotations.rules import EXTRA_FIELDS, find_problems
from .transforms import LoadHumanImage, PersonPipeline


@DATASETS.register_module()
class CocoUniHumanDataset(CocoDataset):
    """Persons with everything that the table of person fields names.

    Reads COCO-UniHuman v1 and v2, COCO-WholeBody and every file in COCO's
    person keypoint format; what a person lacks counts as not labelled.
    Annotations that are not valid count as not labelled too, and persons
    without a valid box are left out. Crowds carry ``ignore_flag=1``.

    Each entry of ``data_info['instances']`` holds, beside mmdet's ``bbox``
    (xyxy), ``bbox_label``, ``ignore_flag`` and, if there is one, ``mask``, a
    value under the ``key`` of each row of the table, see
    :mod:`mmhqnet.structures.person_fields`: ``keypoints`` (K, 3), ``area``,
    ``gender``, ``age``, ``face_box`` (xyxy or None), and those of added rows;
    with ``extra_fields`` also a dict of that name, exactly as in the file.

    ``data_info`` itself holds the table as ``person_fields``, and
    ``num_keypoints`` and ``flip_indices``.

    Args:
        keypoint_metainfo: Which keypoints the file has: the name of one of
            mmpose's data sets or of a file, see
            :func:`load_keypoint_metainfo`.
        person_fields: Rows to add to the table, such as
            ``dict(helmet=dict(type='category', classes=('none', 'helmet')))``.
        extra_fields: Further labels to keep: keys of ``EXTRA_FIELDS`` in
            :mod:`mmhqnet.datasets.annotations.rules`.
        metainfo: Overrides entries of the metainfo, such as the names of the
            categories to read: ``classes``.
        pipeline: Transforms. Images are read by ``LoadHumanImage`` where it
            says ``LoadImageFromFile``, so that a damaged photo is named while
            tools of mmdet that look for that step still find it.
        **kwargs: Arguments of mmdet's ``CocoDataset``.

    Raises:
        InputError: A row that makes no sense; while reading, a missing or
            malformed annotation file; in the pipeline, a transform that
            parts persons from their labels.
    """

    METAINFO = dict(classes=('person', ), palette=[(220, 20, 60)])

    def __init__(self,
                 *args,
                 keypoint_metainfo: str = 'coco',
                 person_fields: Optional[Mapping[str, dict]] = None,
                 extra_fields: Sequence[str] = (),
                 metainfo: Optional[dict] = None,
                 pipeline: Sequence = (),
                 **kwargs) -> None:
        for field in extra_fields:
            if field not in EXTRA_FIELDS:
                raise InputError(f"extra_fields: unknown field '{field}'; "
                                 f'use any of: {", ".join(EXTRA_FIELDS)}')
        self.extra_fields = tuple(extra_fields)
        metainfo = {
            **load_keypoint_metainfo(keypoint_metainfo),
            **(metainfo or {})
        }
        self.person_fields = resolve_fields(person_fields, metainfo)
        metainfo['person_fields'] = fields_to_dicts(self.person_fields)
        super().__init__(
            *args,
            metainfo=metainfo,
            pipeline=[self._with_image_check(step) for step in pipeline],
            **kwargs)
        self.pipeline = PersonPipeline(self.pipeline.transforms)

    @staticmethod
    def _with_image_check(step):
        if isinstance(step, dict) and step['type'] in ('LoadImageFromFile',
                                                       LoadImageFromFile):
            return {**step, 'type': LoadHumanImage}
        return step

    def COCOAPI(self, local_path: str) -> COCO:
        """Index the annotation file after looking through it once.

        mmdet calls this attribute to read the file. A test set may do
        without annotations.

        Raises: InputError: At the first problem in the file.
        """
        content = read_json(local_path, self.ann_file)
        if self.test_mode and isinstance(content, dict):
            content.setdefault('annotations', [])
        for problem in find_problems(content, self.person_fields,
                                     self.extra_fields,
                                     self._metainfo['classes']):
            raise InputError(
                f'{self.ann_file}: {problem}; correct the file '
                '(tools/dataset_converters/check_annotations.py lists every '
                'problem)')
        coco = COCO()
        coco.dataset = content
        coco.createIndex()
        coco.img_ann_map, coco.cat_img_map = coco.imgToAnns, coco.catToImgs
        return coco

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Add the persons' labels to what mmdet parses."""
        image = raw_data_info['raw_img_info']

        def parse(annotations: List[dict]) -> dict:
            return super(CocoUniHumanDataset, self).parse_data_info(
                dict(raw_img_info=image, raw_ann_info=annotations))

        data_info = parse([])
        for annotation in raw_data_info['raw_ann_info']:
            if (annotation['category_id'] not in self.cat2label
                    or not is_flagged_valid(annotation, 'bboxes')):
                continue
            # One at a time: mmdet leaves out some annotations, and the rest
            # must keep their labels.
            for instance in parse([annotation])['instances']:
                instance.update(self._person_labels(annotation))
                if not self.person_fields['mask'].is_labelled(annotation):
                    instance.pop('mask', None)
                data_info['instances'].append(instance)
        return data_info

    def _person_labels(self, annotation: dict) -> dict:
        labels = {
            field.key: field.read(annotation)
            for field in self.person_fields.values() if not field.is_mmdets
        }
        if self.extra_fields:
            labels['extra_fields'] = {
                key: annotation[key]
                for key in self.extra_fields
                if EXTRA_FIELDS[key].is_given(annotation, key)
            }
        return labels

    def filter_data(self) -> List[dict]:
        """Leave out images as ``filter_cfg`` says, in training only.

        Raises: InputError: None remains.
        """
        data_list = super().filter_data()
        if not data_list:
            raise InputError(
                f'{self.ann_file}: none of its {len(self.data_list)} images '
                'can be used; check filter_cfg')
        return data_list

    def get_data_info(self, idx: int) -> dict:
        """Labels of an image, with what the transforms need to know."""
        data_info = super().get_data_info(idx)
        data_info['person_fields'] = self.person_fields
        for key in ('num_keypoints', 'flip_indices'):
            data_info[key] = self._metainfo[key]
        return data_info
