"""The head: skull, hair, face. Features sit on a sphere that can turn."""
import numpy as np

from .canvas import ellipse_points, hull, mix, shade
from .traits import FEMALE

# Position on the unit sphere: to the person's left, up, forward.
FEATURES = dict(
    nose=(0.0, -0.16, 1.0),
    left_eye=(0.37, 0.10, 0.90),
    right_eye=(-0.37, 0.10, 0.90),
    left_ear=(1.05, -0.08, -0.08),
    right_ear=(-1.05, -0.08, -0.08))
PROFILE = np.deg2rad(100)  # turned further, the face is not seen


class Head:
    """A head in the picture.

    Args:
        traits (Traits): Whose head.
        pose (Pose): Gives yaw and roll.
        centre (np.ndarray): Image point of shape (2, ).
        scale (float): Pixels per stature of the person.
    """

    def __init__(self, traits, pose, centre, scale):
        self.traits, self.centre, self.scale = traits, centre, scale
        self.roll = pose.head_roll
        self.sin, self.cos = np.sin(pose.head_yaw), np.cos(pose.head_yaw)
        self.facing = self.cos > np.cos(PROFILE)
        half = traits.head / 2 * scale
        roundness = np.interp(traits.age, (0, 12, 20), (0.95, 0.86, 0.80))
        self.radii = np.array([half * roundness, half])

    def at(self, right, down):
        """Image point from head coordinates in units of the half axes."""
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        x, y = np.array([right, down]) * self.radii
        return self.centre + (x * cos - y * sin, x * sin + y * cos)

    def on_sphere(self, left, up, forward):
        """Image point and depth of a point on the turned head."""
        right = left * self.cos + forward * self.sin
        depth = forward * self.cos - left * self.sin
        return self.at(right, -up), depth

    def keypoints(self):
        """Nose, eyes and ears: name to (image point, faces the viewer)."""
        keypoints = {}
        for name, position in FEATURES.items():
            point, depth = self.on_sphere(*position)
            limit = -0.5 if name.endswith('ear') else 0.0
            keypoints[name] = (point, depth > limit)
        return keypoints

    def face_box(self):
        """Tight box of the face as (x1, y1, x2, y2) in pixels."""
        outline = self._face_outline()
        return (*outline.min(axis=0), *outline.max(axis=0))

    def _face_outline(self):
        turn = abs(self.sin) if self.cos > 0 else 1.0
        middle = self.at(0.5 * self.sin, 0.19)
        return ellipse_points(
            middle, self.radii * (0.86 - 0.36 * turn, 0.81), self.roll)

    def _ellipse(self, canvas, right, down, radii, colour, **kwargs):
        canvas.ellipse(self.at(right, down), self.radii * radii, colour,
                       self.roll, **kwargs)

    def _cap(self, canvas, width, top, bottom, colour, **kwargs):
        """Part of the hair ellipse above ``bottom`` (head coordinates)."""
        points = ellipse_points((0, -0.04), (width, top))
        points[:, 1] = np.minimum(points[:, 1], bottom)
        canvas.polygon(np.array([self.at(*point) for point in points]),
                       colour, **kwargs)

    def paint_back_hair(self, canvas, label, outline, neck):
        """Hair that hangs behind the head: before or after the body.

        Args:
            canvas (Canvas): Painted on.
            label (int): Of this person's hair.
            outline (float): Width of the outlines in pixels.
            neck (np.ndarray): Image point of the neck's base.
        """
        style, colour = self.traits.hair_style, self.traits.hair
        radius = self.radii[0]
        hair = dict(label=label, outline=outline)
        if style == 'long':
            tip = neck + (-0.3 * self.sin * radius, 0.55 * radius)
            canvas.polygon(
                hull([(self.at(-0.25 * self.sin, -0.1), 1.1 * radius),
                      (tip + (-0.5 * radius, 0), 0.55 * radius),
                      (tip + (0.5 * radius, 0), 0.55 * radius)]),
                shade(colour, 0.92), **hair)
        elif style == 'ponytail':
            root, _ = self.on_sphere(0.15, 0.55, -1.0)
            tip = root + (-0.5 * self.sin * radius, 1.5 * radius)
            if abs(self.sin) < 0.35:  # else it would hide behind the head
                tip = tip + (0.75 * radius, 0)
                root = root + (0.65 * radius, 0)
            canvas.limb(root, tip, 0.42 * radius, 0.2 * radius,
                        shade(colour, 0.9), **hair)
        elif style == 'pigtails':
            for left in (1.15, -1.15):
                root, _ = self.on_sphere(left, 0.1, -0.25)
                canvas.limb(root, root + (0, 0.75 * radius), 0.32 * radius,
                            0.2 * radius, shade(colour, 0.9), **hair)

    def paint(self, canvas, labels, outline):
        """Paint skull, hair and face.

        Args:
            canvas (Canvas): Painted on.
            labels (dict[str, int]): Of head, hair, left_ear, right_ear.
            outline (float): Width of the outlines in pixels.
        """
        traits = self.traits
        hair = dict(label=labels['hair'], outline=outline)
        head = dict(label=labels['head'], outline=outline)
        ears = sorted(
            (self.on_sphere(*FEATURES[name])[1], name)
            for name in ('left_ear', 'right_ear'))
        covered = traits.hair_style in ('long', 'bob')
        self._paint_ear(canvas, ears[0], labels, outline)
        if not covered and ears[1][0] < 0.35:
            self._paint_ear(canvas, ears[1], labels, outline)
        if traits.hair_style == 'bun':
            top, _ = self.on_sphere(0, 1.12, -0.25)
            canvas.ellipse(top, self.radii * (0.45, 0.38),
                           shade(traits.hair, 0.92), **hair)
        self._ellipse(canvas, 0, 0, (1, 1), traits.skin, **head)
        self._paint_hair(canvas, hair)
        if self.facing:
            canvas.polygon(self._face_outline(), traits.skin,
                           label=labels['head'])
            self._paint_hairline(canvas, labels['hair'])
        if not covered and ears[1][0] >= 0.35:
            self._paint_ear(canvas, ears[1], labels, outline)
        if self.facing:
            self._paint_face(canvas, labels)

    def _paint_ear(self, canvas, ear, labels, outline):
        _, name = ear
        point, _ = self.on_sphere(*FEATURES[name])
        canvas.ellipse(point, self.radii * (0.2, 0.22),
                       shade(self.traits.skin, 0.95), self.roll,
                       label=labels[name], outline=outline)

    def _paint_hair(self, canvas, hair):
        traits = self.traits
        style, colour = traits.hair_style, traits.hair
        back = not self.facing
        if style == 'tuft':
            self._cap(canvas, 1.0, 1.0, 0.5 if back else -0.55, colour,
                      label=hair['label'])
            if traits.gender == FEMALE:
                self._paint_bow(canvas, hair['label'])
        elif style in ('long', 'bob'):
            self._cap(canvas, 1.16, 1.13, 1.0 if style == 'long' else 0.72,
                      colour, **hair)
        elif style in ('bun', 'ponytail', 'pigtails'):
            self._cap(canvas, 1.05, 1.08, 0.62 if back else 0.0, colour,
                      **hair)
        else:
            self._cap(canvas, 1.05, 1.08, 0.55 if back else -0.02, colour,
                      **hair)
            if traits.bald:
                self._paint_bald_patch(canvas)

    def _paint_bow(self, canvas, label):
        """A baby girl's bow."""
        knot, _ = self.on_sphere(0.15, 0.95, 0.1)
        radius = 0.2 * self.radii[0]
        for side in (-1, 1):
            canvas.ellipse(knot + (1.2 * side * radius, 0),
                           (1.3 * radius, radius), (232, 84, 130),
                           0.4 * side, label=label)
        canvas.ellipse(knot, (0.6 * radius, 0.6 * radius), (180, 40, 90))

    def _paint_bald_patch(self, canvas):
        """Bare skin that grows from the crown down."""
        size = 0.55 + 0.42 * self.traits.bald
        self._ellipse(canvas, 0.35 * self.sin, -1.1 + 0.62 * size,
                      (0.92 * size, 0.66 * size), self.traits.skin)

    def _paint_hairline(self, canvas, label):
        """Hair that falls into the forehead."""
        traits = self.traits
        if traits.hair_style == 'quiff' and not traits.bald:
            self._ellipse(canvas, 0.45 * self.sin + 0.15, -0.78, (0.6, 0.3),
                          traits.hair, label=label)
        elif traits.hair_style in ('bob', 'pigtails'):
            self._ellipse(canvas, 0.45 * self.sin, -0.68, (0.72, 0.27),
                          traits.hair, label=label)

    def _paint_face(self, canvas, labels):
        traits, radii = self.traits, self.radii
        dark = shade(traits.skin, 0.55)
        if traits.beard == 'full':
            outline = self._face_outline()
            jaw = outline[outline[:, 1] > self.at(0, 0.36)[1]]
            if len(jaw) > 2:
                canvas.polygon(jaw, traits.hair, label=labels['head'])
        self._paint_wrinkles(canvas)
        squeeze = max(0.35, abs(self.cos))
        for name in ('left_eye', 'right_eye'):
            point, depth = self.on_sphere(*FEATURES[name])
            if depth > 0.05:
                self._paint_eye(canvas, point, squeeze)
        nose, _ = self.on_sphere(*FEATURES['nose'])
        canvas.ellipse(nose, radii * (0.12, 0.13),
                       mix(shade(traits.skin, 0.8), (220, 90, 80), 0.25),
                       self.roll)
        self._paint_mouth(canvas, dark, squeeze)

    def _paint_eye(self, canvas, point, squeeze):
        traits, radii = self.traits, self.radii
        size = 0.19 * traits.eyes
        canvas.ellipse(point, radii * (size * squeeze, 0.8 * size),
                       (255, 255, 255), self.roll)
        pupil = 0.6 * size
        canvas.ellipse(point + (0.04 * self.sin * radii[0], 0),
                       radii * (pupil * squeeze, pupil), (35, 28, 30))
        brow = point - (0, radii[1] * (0.17 + 0.8 * size))
        half = np.array([0.2 * squeeze * radii[0], 0])
        canvas.line([brow - half, brow + half], traits.hair,
                    0.09 * radii[1])
        if traits.gender == FEMALE and traits.age > 12:
            lash = point - (0, 0.75 * size * radii[1])
            canvas.line([lash - half, lash + half], (35, 28, 30),
                        0.06 * radii[1])
        if traits.glasses:
            rim = ellipse_points(point, radii * (0.29 * squeeze, 0.25))
            canvas.line(np.vstack([rim, rim[:1]]), (50, 50, 60),
                        0.045 * radii[1])

    def _paint_mouth(self, canvas, dark, squeeze):
        traits, radii = self.traits, self.radii
        if traits.beard != 'none':
            point, _ = self.on_sphere(0, -0.36, 0.94)
            canvas.ellipse(point, radii * (0.38 * squeeze, 0.11),
                           traits.hair, self.roll)
        lips = mix(traits.skin, (205, 50, 60), 0.75)
        smile = [self.on_sphere(x, -0.52 + 0.5 * x * x, 0.86)[0]
                 for x in np.linspace(-0.32, 0.32, 7)]
        red = traits.gender == FEMALE and traits.age > 12
        canvas.line(smile, lips if red else dark,
                    (0.13 if red else 0.08) * radii[1])
        if traits.age < 14 or traits.gender == FEMALE:
            blush = mix(traits.skin, (240, 96, 96), 0.4)
            for left in (0.55, -0.55):
                point, depth = self.on_sphere(left, -0.27, 0.75)
                if depth > 0.25:
                    canvas.ellipse(point, radii * (0.14 * squeeze, 0.1),
                                   blush)

    def _paint_wrinkles(self, canvas):
        strength = self.traits.wrinkles
        if strength < 0.1:
            return
        colour = mix(self.traits.skin, shade(self.traits.skin, 0.55),
                     strength)
        width = 0.05 * self.radii[1]
        for up in (0.42, 0.54)[:1 + (strength > 0.5)]:
            row = [self.on_sphere(x, up, 0.85)[0]
                   for x in np.linspace(-0.32, 0.32, 5)]
            canvas.line(row, colour, width)
        for side in (1, -1):  # laughter lines
            fold = [self.on_sphere(side * x, y, 0.85)[0]
                    for x, y in ((0.24, -0.18), (0.4, -0.36), (0.42, -0.52))]
            if self.on_sphere(side * 0.4, -0.36, 0.85)[1] > 0.3:
                canvas.line(fold, colour, width)
