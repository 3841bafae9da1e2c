"""Human queries as the features that tell people apart (paper, Table 5)."""
from typing import List, Optional

import numpy as np
import torch
import torch.nn.functional as F
from mmdet.models.trackers import SORTTracker
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox_overlaps, bbox_xyxy_to_cxcyah
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmhqnet.errors import InputError
from mmhqnet.registry import MODELS
from mmhqnet.structures.person_fields import resolve_fields

from .smoothing import RunningMeans

FORBIDDEN = 1e6  # cost of a pair that must not be


@MODELS.register_module()
class HumanQueryTracker(SORTTracker):
    """DeepSORT whose appearance features are HQNet's human queries.

    Confirmed tracks and detections are joined by the cosine distance of
    their queries first, where the Kalman filter allows it; what is left and
    was seen in the frame before is joined by the overlap of boxes.

    NOTE mmdet's ``SORTTracker`` compares Euclidean distances to a mean
    feature of a separate network. Here queries are unit vectors from the
    detector's own pass, a gallery can be compared by its nearest member, and
    tracks that were away for long may come back anywhere.

    Args:
        gallery: ``'min'``, distance to the nearest of a track's last queries,
            or ``'mean'``, to their mean direction.
        gallery_size: Queries that are kept of a track.
        match_query_thr: Largest cosine distance of a pair.
        max_gated_gap: Frames after its last sight for which the motion says
            where a track may be; later only its queries do.
        smooth: Whether attributes are averaged along a track.
        person_fields: Rows that a config adds to the table of person fields.
        motion, obj_score_thr, match_iou_thr, num_tentatives,
            num_frames_retain, **kwargs: As ``SORTTracker``.

    Raises: InputError: If ``gallery`` is something else.
    """

    def __init__(self,
                 *,
                 motion: dict = dict(type='KalmanFilter', center_only=False),
                 obj_score_thr: float = 0.5,
                 match_iou_thr: float = 0.3,
                 num_tentatives: int = 2,
                 num_frames_retain: int = 100,
                 gallery: str = 'min',
                 gallery_size: int = 30,
                 match_query_thr: float = 0.3,
                 max_gated_gap: int = 10,
                 smooth: bool = True,
                 person_fields: Optional[dict] = None,
                 **kwargs) -> None:
        if gallery not in ('min', 'mean'):
            raise InputError(f"tracker.gallery is {gallery!r}: must be 'min' "
                             "or 'mean'")
        self.table = resolve_fields(person_fields)
        super().__init__(
            motion=motion,
            reid=None,
            obj_score_thr=obj_score_thr,
            match_iou_thr=match_iou_thr,
            num_tentatives=num_tentatives,
            num_frames_retain=num_frames_retain,
            **kwargs)
        self.gallery = gallery
        self.gallery_size = gallery_size
        self.match_query_thr = match_query_thr
        self.max_gated_gap = max_gated_gap
        self.smooth = smooth

    def reset(self) -> None:
        """Forget all tracks."""
        super().reset()
        self.kf = getattr(self, 'motion', None)
        self.means = RunningMeans(self.table)

    def track(self,
              model: Optional[torch.nn.Module] = None,
              img: Optional[Tensor] = None,
              data_sample: DetDataSample = None,
              **kwargs) -> InstanceData:
        """Give the persons of the next frame their identities.

        Args:
            model: Not used; mmdet's ``DeepSORT`` hands it over.
            img: Not used.
            data_sample: ``frame_id`` and ``pred_instances`` with
                ``human_queries`` (n, dim).

        Returns:
            InstanceData: The persons above ``obj_score_thr`` with all their
            fields and ``instances_id`` (n, ); attributes are those of the
            track so far.

        Raises: InputError: If the detector gives no human queries.
        """
        frame_id = int(data_sample.metainfo.get('frame_id', -1))
        if frame_id == 0:
            self.reset()
        persons = data_sample.pred_instances
        if 'human_queries' not in persons:
            raise InputError('HumanQueryTracker needs the human queries: set '
                             'detector.test_cfg.with_queries=True')
        persons = persons[persons.scores > self.obj_score_thr]
        queries = F.normalize(persons.human_queries.float(), dim=-1)
        ids = self._associate(persons, queries, frame_id)
        new = ids < 0
        num_new = int(new.sum())
        ids[new] = torch.arange(self.num_tracks, self.num_tracks + num_new)
        self.num_tracks += num_new
        # mmdet's memory of tracks lives on the CPU here
        self.update(
            ids=ids,
            bboxes=persons.bboxes.detach().cpu(),
            scores=persons.scores.detach().cpu(),
            labels=persons.labels.cpu(),
            embeds=queries.detach().cpu(),
            frame_ids=frame_id)
        for track in self.tracks.values():
            for item in self.memo_items:
                del track[item][:-self.gallery_size]
        persons.instances_id = ids.to(persons.bboxes.device)
        if self.smooth:
            self.means.update(persons, ids.tolist(), keep=self.ids)
        return persons

    def _associate(self, persons: InstanceData, queries: Tensor,
                   frame_id: int) -> Tensor:
        """Identities of known tracks, -1 for new persons, (n, )."""
        bboxes, labels = persons.bboxes.detach().cpu(), persons.labels.cpu()
        ids = torch.full((len(bboxes), ), -1, dtype=torch.long)
        if self.empty:
            return ids
        # predicts where all tracks are now, also in frames without anybody
        self.tracks, motion_costs = self.motion.track(
            self.tracks, bbox_xyxy_to_cxcyah(bboxes))
        if len(bboxes) == 0:
            return ids
        all_ids = self.ids

        # first by queries: confirmed tracks, (num_tracks, n)
        confirmed = self.confirmed_ids
        if confirmed:
            costs = self._query_distances(confirmed, queries.detach().cpu())
            gaps = np.array([
                frame_id - int(self.tracks[id].frame_ids[-1])
                for id in confirmed
            ])
            rows = [all_ids.index(id) for id in confirmed]
            far = ~np.isfinite(motion_costs[rows])
            costs[far & (gaps <= self.max_gated_gap)[:, None]] = FORBIDDEN
            self._forbid_other_labels(costs, confirmed, labels)
            self._join(costs, confirmed, np.arange(len(ids)), ids,
                       self.match_query_thr)

        # then by boxes: tracks of the frame before, and who is left
        taken = set(ids.tolist())
        recent = [
            id for id in all_ids if id not in taken
            and int(self.tracks[id].frame_ids[-1]) == frame_id - 1
        ]
        left = np.flatnonzero(ids.numpy() < 0)
        if recent and len(left):
            overlaps = bbox_overlaps(self.get('bboxes', recent), bboxes[left])
            costs = 1 - overlaps.numpy()
            self._forbid_other_labels(costs, recent, labels[left])
            self._join(costs, recent, left, ids, 1 - self.match_iou_thr)
        return ids

    def _query_distances(self, track_ids: List[int],
                         queries: Tensor) -> np.ndarray:
        """Cosine distances, (num_tracks, n)."""
        distances = []
        for id in track_ids:
            gallery = torch.cat(self.tracks[id].embeds)
            if self.gallery == 'mean':
                gallery = F.normalize(gallery.mean(0, keepdim=True), dim=-1)
            distances.append((1 - queries @ gallery.T).min(1).values)
        return torch.stack(distances).numpy().astype(float)

    def _forbid_other_labels(self, costs: np.ndarray, track_ids: List[int],
                             labels: Tensor) -> None:
        track_labels = self.get('labels', track_ids)
        costs[(track_labels[:, None] != labels).numpy()] = FORBIDDEN

    @staticmethod
    def _join(costs: np.ndarray, track_ids: List[int], columns: np.ndarray,
              ids: Tensor, threshold: float) -> None:
        """Write the identities of the best assignment into ``ids``."""
        # what is too far away must not push others aside
        costs = np.where(costs > threshold, FORBIDDEN, costs)
        for row, column in zip(*linear_sum_assignment(costs)):
            if costs[row, column] <= threshold:
                ids[columns[column]] = track_ids[row]
