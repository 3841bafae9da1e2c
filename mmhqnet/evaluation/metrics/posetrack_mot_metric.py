"""IDF1 and MOTA by the rules of PoseTrack21's evaluation kit."""
import os.path as osp
from collections import defaultdict
from typing import Dict, List, Optional, Sequence

import numpy as np
from mmdet.evaluation.metrics.base_video_metric import BaseVideoMetric
from mmengine.logging import print_log
from terminaltables import AsciiTable

from mmhqnet.datasets.annotations.mot_files import (Frame, read_results,
                                                    write_results)
from mmhqnet.datasets.posetrack21 import list_sequences, load_sequence
from mmhqnet.errors import InputError
from mmhqnet.registry import METRICS

from ..mot import MOTCounts, count_sequence, in_ignore_regions


@METRICS.register_module()
class PoseTrackMOTMetric(BaseVideoMetric):
    """Tracking quality on PoseTrack21 (HQNet, arXiv 2312.05525, sec. 4).

    Boxes match from an IoU of 0.5 on. The coordinates of the ground truth
    are cut to integers first, as the kit does; the predictions' are not.

    The samples need ``video_name``, ``frame_id``, ``ori_video_length`` and
    ``instances`` in their metainfo (and ``ignore_regions`` if these are
    used): ``PackTrackInputs(meta_keys=('video_name', 'ignore_regions'))``.
    Frames may come in any order and from any process.

    Args:
        use_ignore_regions: Whether an unmatched prediction whose IoU with an
            ignore region exceeds 0.1 counts as no false positive; not so in
            the kit by default.
        outfile_prefix: Folder for one result file per sequence in the kit's
            format. Defaults to None, no files.
        format_only: Only write these files.
        per_sequence: Whether the results hold ``<sequence>/IDF1`` and so on
            beside the overall numbers. The log shows both in any case.
        collect_device: 'cpu'; video metrics collect on no other device.
        prefix: Of the names of the results. Defaults to 'posetrack21'.
    """
    default_prefix: Optional[str] = 'posetrack21'

    def __init__(self,
                 use_ignore_regions: bool = False,
                 outfile_prefix: Optional[str] = None,
                 format_only: bool = False,
                 per_sequence: bool = False,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and outfile_prefix is None:
            raise InputError('PoseTrackMOTMetric: format_only=True needs '
                             'outfile_prefix, the folder to write to')
        self.use_ignore_regions = use_ignore_regions
        self.outfile_prefix = outfile_prefix
        self.format_only = format_only
        self.per_sequence = per_sequence

    def process_video(self, data_samples: Sequence) -> None:
        """Keep the tracks of a whole video, frame by frame."""
        for data_sample in data_samples:
            self.process_image([data_sample], len(data_samples))

    def process_image(self, data_samples: Sequence, video_len: int) -> None:
        """Keep the tracks of one frame of a video of ``video_len``.

        Its ``pred_track_instances`` have ``bboxes`` (m, 4), xyxy in pixels of
        the original image, and ``instances_id`` (m,).
        """
        sample, = data_samples
        keys = ['video_name', 'frame_id', 'instances']
        keys += ['ignore_regions'] * self.use_ignore_regions
        missing = [key for key in keys if key not in sample.metainfo]
        if missing:
            raise InputError(
                f'PoseTrackMOTMetric: samples lack {", ".join(missing)}; use '
                "PoseTrack21Dataset and PackTrackInputs(meta_keys=("
                "'video_name', 'ignore_regions'))")
        person_ids = [person['instance_id'] for person in sample.instances]
        gt_boxes = [person['bbox'] for person in sample.instances]
        tracks = sample.pred_track_instances
        self.results.append(
            dict(
                video=sample.video_name,
                frame_id=sample.frame_id,
                video_len=video_len,
                gt=(np.array(person_ids, int), _xyxy2xywh(gt_boxes)),
                pred=(tracks.instances_id.cpu().numpy().astype(int),
                      _xyxy2xywh(tracks.bboxes.cpu().numpy())),
                ignore_regions=sample.get('ignore_regions', [])))

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """Write the result files and count over the frames of all processes.

        Returns:
            IDF1 and MOTA in [0, 1], the counts GT, TP, FP, FN, IDSW, IDTP,
            IDFP and IDFN; empty with ``format_only``.
        """
        videos = defaultdict(dict)
        for frame in results:
            videos[frame['video']][frame['frame_id']] = frame
        videos = {
            name: [frames[index] for index in sorted(frames)]
            for name, frames in sorted(videos.items())
        }
        for name, frames in videos.items():
            if len(frames) != frames[0]['video_len']:
                raise InputError(
                    f'PoseTrackMOTMetric: {len(frames)} of '
                    f'{frames[0]["video_len"]} frames of sequence {name}; '
                    'evaluate whole videos')
            if self.outfile_prefix is not None:
                write_results(
                    osp.join(self.outfile_prefix, f'{name}.txt'),
                    [frame['pred'] for frame in frames])
        if self.format_only:
            return {}

        counts = {}
        for name, frames in videos.items():
            regions = [frame['ignore_regions'] for frame in frames]
            counts[name] = evaluate_sequence(
                name, [frame['gt'] for frame in frames],
                [frame['pred'] for frame in frames],
                regions if self.use_ignore_regions else None)
        overall = sum(counts.values(), MOTCounts())
        table = format_table(dict(counts, overall=overall))
        print_log(f'\n{table}', 'current')
        metrics = overall.summary()
        if self.per_sequence:
            for name, sequence in counts.items():
                metrics.update({
                    f'{name}/{key}': value
                    for key, value in sequence.summary().items()
                })
        return metrics


def evaluate_sequence(
    name: str,
    gts: Sequence[Frame],
    preds: Sequence[Frame],
    ignore_regions: Optional[Sequence[Sequence[np.ndarray]]] = None
) -> MOTCounts:
    """Count one sequence by the rules of PoseTrack21's kit.

    Args:
        name: The sequence, for error messages.
        gts: For each frame ids (n,) and boxes (n, 4), (x, y, w, h) in pixels.
        preds: The same of the tracks.
        ignore_regions: For each frame polygons (k, 2). Defaults to None,
            every prediction counts.
    """
    gts = [(ids, np.trunc(boxes)) for ids, boxes in gts]
    ignorable = ignore_regions and [
        in_ignore_regions(boxes, regions)
        for (_, boxes), regions in zip(preds, ignore_regions)
    ]
    try:
        return count_sequence(gts, preds, ignorable)
    except InputError as error:
        raise InputError(f'sequence {name}, {error}') from error


def evaluate_result_files(
        mot_folder: str,
        result_folder: str,
        use_ignore_regions: bool = False) -> Dict[str, MOTCounts]:
    """Count result files in the kit's format, without a model.

    All persons of a sequence that has no result file are false negatives.

    Args:
        mot_folder: ``posetrack_mot/mot/val`` of PoseTrack21.
        result_folder: Folder of ``<sequence>`` or ``<sequence>.txt``.
        use_ignore_regions: As in :class:`PoseTrackMOTMetric`.

    Returns: The counts of each sequence; add them for the overall ones.

    Raises: InputError: There is no such folder, or a file is malformed.
    """
    if not osp.isdir(result_folder):
        raise InputError(f'{result_folder}: no such folder; expected one with '
                         'a file of results for each sequence')
    counts = {}
    for name in list_sequences(mot_folder):
        frames, gts = load_sequence(osp.join(mot_folder, name))
        preds = [(np.zeros(0, int), np.zeros((0, 4)))] * len(frames)
        path = osp.join(result_folder, name)
        for candidate in (f'{path}.txt', path):
            if osp.isfile(candidate):
                preds = read_results(candidate, len(frames))
        regions = [frame['ignore_regions'] for frame in frames]
        counts[name] = evaluate_sequence(
            name, gts, preds, regions if use_ignore_regions else None)
    return counts


def format_table(counts: Dict[str, MOTCounts]) -> str:
    """A table with a row per sequence; IDF1 and MOTA in percent."""
    summaries = {name: c.summary() for name, c in counts.items()}
    rows = [['sequence', *next(iter(summaries.values()))]]
    for name, summary in summaries.items():
        rows.append([name] + [
            f'{100 * value:.1f}' if isinstance(value, float) else str(value)
            for value in summary.values()
        ])
    return AsciiTable(rows).table


def _xyxy2xywh(boxes) -> np.ndarray:
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    # x + w - x is not always w; a whole number must survive the kit's int().
    return np.round(np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]), 6)
