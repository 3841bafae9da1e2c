from typing import List, Optional, Sequence, Tuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.textpath import TextToPath
from mmdet.structures import DetDataSample
from mmdet.structures.mask import bitmap_to_polygon
from mmdet.visualization import DetLocalVisualizer
from mmengine.dist import master_only
from mmengine.structures import InstanceData

from mmhqnet.registry import VISUALIZERS
from mmhqnet.structures.person_fields import fields_in

from .caption import caption
from .label_layout import place_label
from .person import HIDDEN, Person, people_of

Color = Tuple[float, float, float]  # RGB, 0 to 1

PERSON_COLORS = tuple(
    map(to_rgb, ('#ff5c5c', '#409cff', '#46d369', '#ffc828', '#be6eff',
                 '#14c8c8', '#ff78c8', '#ff8c32', '#96d23c', '#8296ff')))
LEFT_COLOR = to_rgb('#ff9628')
RIGHT_COLOR = to_rgb('#28beff')
CENTER_COLOR = to_rgb('#f0f0f0')
OUTLINE_COLOR = to_rgb('#141414')
LUMINANCE = (0.299, 0.587, 0.114)
DASHED = (0, (1.6, 1.2))  # drawn, not drawn, in line widths
FONT = FontProperties(family='DejaVu Sans', weight='bold')


@VISUALIZERS.register_module()
class HumanLocalVisualizer(DetLocalVisualizer):
    """Draws each person's box, mask, skeleton and a label "F 27 0.93".

    The label holds, as far as the sample has them: "#id" of the track,
    gender (M, F, or ? where unknown), age in years, other categories and
    numbers of the data set's table of person fields, and the score. Face
    boxes and further boxes and points are drawn by :meth:`draw_fields`. Each
    person (each track, when there are ids) has a color; limbs are colored
    by side. Line widths and texts grow with the image and shrink with the
    person. The skeleton comes from ``dataset_meta`` (``skeleton_links`` and
    ``keypoint_names``); without it only points are drawn.

    NOTE: In DetLocalVisualizer colors belong to categories. All instances
    here are persons, so colors belong to instances and ``bbox_color``,
    ``mask_color``, ``text_color`` and the data set's palette are not used.

    Args:
        line_width: Width of box lines in pixels. Defaults to None: in
            proportion to the image.
        alpha: Opacity of the masks.
        kpt_score_thr: Predicted keypoints and face boxes that score less are
            not drawn.
        min_side: Images whose shorter side has fewer pixels are enlarged to
            it before drawing, so that labels stay readable.
        person_colors: Taken in turn; names or RGB values as matplotlib knows
            them.
        **kwargs: ``name``, ``image``, ``vis_backends``, ``save_dir`` of
            :class:`mmdet.visualization.DetLocalVisualizer`.
    """

    def __init__(self,
                 name: str = 'visualizer',
                 *args,
                 line_width: Optional[float] = None,
                 alpha: float = 0.4,
                 kpt_score_thr: float = 0.3,
                 min_side: Optional[int] = None,
                 person_colors: Sequence = PERSON_COLORS,
                 **kwargs) -> None:
        self.kpt_score_thr = kpt_score_thr
        self.min_side = min_side
        self.person_colors = [to_rgb(color) for color in person_colors]
        self._titles = []
        super().__init__(
            name, *args, line_width=line_width, alpha=alpha, **kwargs)

    @master_only
    def set_image(self, image: np.ndarray) -> None:
        """Set the image to draw on, enlarged if it is below ``min_side``.

        Coordinates stay those of ``image`` (H, W, 3), RGB, 0 to 255; only the
        canvas grows.
        """
        super().set_image(image)
        self.zoom = max((self.min_side or 0) / min(image.shape[:2]), 1.0)
        if self.zoom > 1:
            size = np.round(np.array([self.width, self.height]) * self.zoom)
            # 1e-2: the same guard against truncation as in the parent.
            self.fig_save.set_size_inches((size + 1e-2) / self.dpi)
            self.ax_save.images[0].set_interpolation('bicubic')

    @master_only
    def add_datasample(self,
                       name: str,
                       image: np.ndarray,
                       data_sample: Optional[DetDataSample] = None,
                       draw_gt: bool = True,
                       draw_pred: bool = True,
                       **kwargs) -> None:
        """Draw a sample: ground truth | prediction, titled, if it has both.

        NOTE: The parent puts the bare image at the left when ``draw_gt`` is
        on and the sample has no ground truth; here that half is left out.

        Args:
            image: (H, W, 3) RGB.
            data_sample: With ``gt_instances`` and/or ``pred_instances`` in
                pixels of ``image``.
            **kwargs: ``show``, ``wait_time``, ``out_file``,
                ``pred_score_thr`` and ``step`` of the parent.
        """
        draw_gt = draw_gt and _has_boxes(data_sample, 'gt_instances')
        draw_pred = draw_pred and _has_boxes(data_sample, 'pred_instances')
        # The parent draws the ground truth first.
        self._titles = ['prediction', 'ground truth'
                        ] if draw_gt and draw_pred else []
        super().add_datasample(
            name,
            image,
            data_sample,
            draw_gt=draw_gt,
            draw_pred=draw_pred,
            **kwargs)

    def _draw_instances(self, image: np.ndarray, instances: InstanceData,
                        classes: Optional[List[str]],
                        palette: Optional[List[tuple]]) -> np.ndarray:
        """Draw all persons, large ones first so that none is buried.

        Pictures are (H, W, 3) RGB; classes and palette are not used.
        """
        self.set_image(image)
        fields = fields_in(self.dataset_meta)
        people = people_of(instances, self.kpt_score_thr, fields)
        people.sort(key=lambda person: -person.side)
        for draw in (self._draw_mask, self._draw_trail, self._draw_box,
                     self._draw_skeleton, self.draw_fields):
            for person in people:
                draw(person)
        self._draw_labels(people)
        picture = self.get_image()
        if self._titles:
            title = caption(picture.shape[1], self._titles.pop())
            picture = np.concatenate([title, picture])
        return picture

    def _draw_mask(self, person: Person) -> None:
        if person.mask is None or not person.mask.any():
            return
        # Contours run through pixel centers; outer ones and holes turn in
        # opposite directions, so one compound path leaves the holes open.
        contours = [
            Path(np.concatenate([contour, contour[:1]]) + 0.5, closed=True)
            for contour in bitmap_to_polygon(person.mask)[0]
        ]
        color = self._color(person)
        self.add(
            PathPatch(
                Path.make_compound_path(*contours),
                facecolor=(*color, self.alpha),
                edgecolor=(*color, 0.9),
                linewidth=self.points(1.2 * self.unit(person)),
                joinstyle='round'))

    def _draw_trail(self, person: Person) -> None:
        """The way a tracked person came, older parts fainter."""
        if person.trail is None or len(person.trail) < 2:
            return
        steps = np.stack([person.trail[:-1], person.trail[1:]], axis=1)
        opacity = np.linspace(0, 0.9, len(steps) + 1)[1:]
        colors = [(*self._color(person), alpha) for alpha in opacity]
        self.add(
            LineCollection(
                steps,
                colors=colors,
                linewidths=self.points(2.2 * self.unit(person)),
                capstyle='butt'))

    def _draw_box(self, person: Person) -> None:
        x1, y1, x2, y2 = self._inside(person.box)
        width = self.line_width or 1.6 * self.unit(person)
        self.add(
            Rectangle((x1, y1),
                      x2 - x1,
                      y2 - y1,
                      fill=False,
                      edgecolor=self._color(person),
                      linewidth=self.points(width),
                      joinstyle='round'))

    def _draw_skeleton(self, person: Person) -> None:
        """Limbs and joints over a dark outline; dashed, hollow if hidden."""
        pose = person.keypoints
        drawn = person.drawn_keypoints(self.width, self.height)
        hidden = person.visibility == HIDDEN
        links, sides = self._skeleton(len(pose))
        links = [(a, b) for a, b in links if drawn[a] and drawn[b]]
        unit = self.unit(person)

        lengths = [np.linalg.norm(pose[a] - pose[b]) for a, b in links]
        # Short limbs get thin lines and small joints, or the faces of small
        # persons would be painted over.
        dashed = np.array([hidden[a] or hidden[b] for a, b in links], bool)
        widths = np.minimum(
            np.where(dashed, 1.6, 2.6) * unit,
            0.6 * unit + 0.1 * np.array(lengths))
        radii = unit * np.where(hidden, 2.0, 3.0)
        for link, length in zip(links, lengths):
            for k in link:
                radii[k] = min(radii[k], max(unit, 0.3 * length))
        colors = [
            sides[a] if sides[a] == sides[b] else CENTER_COLOR
            for a, b in links
        ]

        self._draw_limbs(pose, links, OUTLINE_COLOR, widths + 1.4 * unit)
        for style, chosen in ((DASHED, dashed), ('solid', ~dashed)):
            chosen = np.flatnonzero(chosen)
            self._draw_limbs(pose, [links[i] for i in chosen],
                             [colors[i] for i in chosen], widths[chosen],
                             style)
        joints = np.flatnonzero(drawn)
        self.add(
            PatchCollection([Circle(pose[k], radii[k]) for k in joints],
                            facecolors=[
                                OUTLINE_COLOR if hidden[k] else sides[k]
                                for k in joints
                            ],
                            edgecolors=[
                                sides[k] if hidden[k] else OUTLINE_COLOR
                                for k in joints
                            ],
                            linewidths=self.points(0.8 * unit)))

    def _draw_limbs(self, pose, links, colors, widths, style='solid') -> None:
        self.add(
            LineCollection([pose[[a, b]] for a, b in links],
                           colors=colors,
                           linewidths=self.points(widths),
                           linestyle=style,
                           capstyle='round' if style == 'solid' else 'butt'))

    def draw_fields(self, person: Person) -> None:
        """Draw further boxes and points; a child draws what it knows of.

        The canvas is matplotlib's: see :meth:`add`, :meth:`unit` and
        :meth:`points`.
        """
        line = dict(
            edgecolor=self._color(person),
            linewidth=self.points(1.1 * self.unit(person)))
        for x1, y1, x2, y2 in map(self._inside, person.boxes.values()):
            self.add(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, **line))
        for points in person.points.values():
            for point in points:
                self.add(
                    Circle(
                        point,
                        3 * self.unit(person),
                        facecolor=OUTLINE_COLOR,
                        **line))

    def _draw_labels(self, people: List[Person]) -> None:
        points = np.concatenate([np.zeros((0, 2))] + [
            person.keypoints[person.drawn_keypoints(self.width, self.height)]
            for person in people
        ])
        taken = []
        for person in people:
            if not person.label:
                continue
            font = 12.5 * self.unit(person)  # pixels per em
            pad = 0.32 * font
            text = font * _text_size(person.label)
            place = place_label(
                self._inside(person.box), text + 2 * pad,
                np.array([self.width, self.height]), taken, points)
            taken.append(place)
            color = self._color(person)
            self.add(
                FancyBboxPatch(
                    place[:2] + pad,
                    *text,
                    boxstyle=f'round,pad={pad},rounding_size={pad}',
                    facecolor=color,
                    edgecolor='none'))
            self.add(
                Text(
                    place[0] + pad,
                    place[3] - pad,
                    person.label,
                    size=self.points(font),
                    fontproperties=FONT,
                    color='black'
                    if np.dot(color, LUMINANCE) > 0.45 else 'white'))

    def add(self, artist: Artist) -> None:
        """Lay an artist over all that was drawn before."""
        artist.set_zorder(len(self.ax_save.get_children()) + 3)
        self.ax_save.add_artist(artist)

    def unit(self, person: Person) -> float:
        """Length in image pixels that line widths and texts are multiples of.

        It grows with the image and shrinks with the person, within what can
        be told apart on the canvas.
        """
        image_side = np.sqrt(self.width * self.height)
        shrink = np.clip(3 * person.side / image_side, 0.6, 1)
        on_canvas = shrink * max(image_side * self.zoom / 500, 0.95)
        return max(on_canvas, 0.75) / self.zoom

    def points(self, pixels):
        """Image pixels to the typographic points of matplotlib's widths."""
        return pixels * self.zoom * 72 / self.dpi

    def _inside(self, box: np.ndarray) -> np.ndarray:
        """The part of a box (4,) xyxy that lies in the image."""
        return np.clip(box, 0, np.tile([self.width, self.height], 2))

    def _color(self, person: Person) -> Color:
        return self.person_colors[person.color_index % len(self.person_colors)]

    def _skeleton(self, num_keypoints: int) -> tuple:
        """Links of the data set's skeleton, and each keypoint's color.

        The color is that of the side of the body that the name tells. There
        are no links if the data set has another number of keypoints.
        """
        names = self.dataset_meta.get('keypoint_names', ())
        if len(names) != num_keypoints:
            return [], [CENTER_COLOR] * num_keypoints
        return self.dataset_meta.get('skeleton_links', []), [
            LEFT_COLOR if name.startswith('left') else
            RIGHT_COLOR if name.startswith('right') else CENTER_COLOR
            for name in names
        ]


def _has_boxes(data_sample: Optional[DetDataSample], field: str) -> bool:
    # Pipelines without annotations leave an empty `gt_instances` behind.
    return (data_sample is not None and field in data_sample
            and 'bboxes' in data_sample.get(field))


def _text_size(text: str) -> np.ndarray:
    """Width and cap height of a text, in em."""
    font = FONT.copy()
    font.set_size(100)
    width, *_ = TextToPath().get_text_width_height_descent(text, font, False)
    _, height, _ = TextToPath().get_text_width_height_descent('F', font, False)
    return np.array([width, height]) / 100
