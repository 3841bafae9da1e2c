"""Paints one posed person, part by part, far parts first."""
import numpy as np

from .body import SIDES, project
from .canvas import hull, mix, shade
from .head import Head

# Labels on the canvas: person index times PARTS plus the part.
PARTS = 16
(TORSO, SKIRT, NECK, HEAD, HAIR, LEFT_EAR, RIGHT_EAR, LEFT_ARM, RIGHT_ARM,
 LEFT_FOREARM, RIGHT_FOREARM, LEFT_THIGH, RIGHT_THIGH, LEFT_SHIN,
 RIGHT_SHIN) = range(1, PARTS)


def visible_on(keypoint):
    """Parts on whose surface a COCO keypoint is seen (clothes count).

    Args:
        keypoint (str): COCO name such as ``left_knee``.

    Returns: Parts of the label map.
    """
    side, _, joint = keypoint.partition('_')
    ear, arm, forearm, thigh, shin = (
        (LEFT_EAR, LEFT_ARM, LEFT_FOREARM, LEFT_THIGH, LEFT_SHIN)
        if side == 'left' else
        (RIGHT_EAR, RIGHT_ARM, RIGHT_FOREARM, RIGHT_THIGH, RIGHT_SHIN))
    return {
        '': (HEAD, ),  # the nose
        'eye': (HEAD, ),
        'ear': (HEAD, ear),
        'shoulder': (TORSO, arm),
        'elbow': (arm, forearm),
        'wrist': (forearm, ),
        'hip': (TORSO, SKIRT, thigh),
        'knee': (SKIRT, thigh, shin),
        'ankle': (SKIRT, shin)
    }[joint]


def _crossings(polygon, y):
    """Columns where the outline of a polygon crosses a row."""
    (x1, y1), (x2, y2) = polygon.T, np.roll(polygon, -1, axis=0).T
    cross = (y1 <= y) != (y2 <= y)
    weight = (y - y1[cross]) / (y2[cross] - y1[cross])
    return x1[cross] + weight * (x2[cross] - x1[cross])


class Figure:
    """One person in the picture.

    Args:
        traits (Traits): What the person is like.
        pose (Pose): The posed skeleton.
        foot (Sequence[float]): Image position of the standing point.
        adult_height (float): Height of an adult here, in pixels.
        index (int): Which person of the picture, from 1.
    """

    def __init__(self, traits, pose, foot, adult_height, index):
        self.traits, self.pose, self.index = traits, pose, index
        self.foot = np.asarray(foot, float)
        self.scale = adult_height * traits.stature
        self.outline = max(0.5, adult_height / 150)
        names = list(pose.joints)
        points, depths = project(
            np.array([pose.joints[name] for name in names]), pose.yaw,
            self.foot, self.scale)
        self.points = dict(zip(names, points))
        self.depths = dict(zip(names, depths))
        self.head = Head(traits, pose, self.points['head'], self.scale)

    def label(self, part):
        """Label of one of this person's parts on the canvas."""
        return self.index * PARTS + part

    def is_centred(self, height, width):
        """Whether head and pelvis are inside a picture of that size."""
        return all(0 <= self.points[name][0] < width and
                   0 <= self.points[name][1] < height
                   for name in ('head', 'pelvis'))

    def keypoints(self):
        """Where the 17 COCO keypoints are.

        Returns:
            dict[str, tuple]: Name to (image point of shape (2, ), whether
            the keypoint is on the side of the body turned to the viewer).
        """
        keypoints = self.head.keypoints()
        for side, _ in SIDES:
            for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee',
                          'ankle'):
                name = f'{side}_{joint}'
                keypoints[name] = (self.points[name], True)
            # seen from the side, the trunk hides its far shoulder and hip
            for joint, limit in (('shoulder', 0.075), ('hip', 0.045)):
                name = f'{side}_{joint}'
                offset = self.depths[name] - self._middle_depth(joint)
                keypoints[name] = (self.points[name], offset > -limit)
        return keypoints

    def _middle_depth(self, joint):
        return (self.depths[f'left_{joint}'] +
                self.depths[f'right_{joint}']) / 2

    def paint(self, canvas):
        """Paint the person; everything painted before may be covered."""
        facing = np.cos(self.pose.yaw) > 0
        arms_behind, arms_before = [], []
        for side, _ in SIDES:
            depth = (self.depths[f'{side}_elbow'] +
                     self.depths[f'{side}_wrist']) / 2
            trunk = self._middle_depth('shoulder')
            (arms_behind if depth < trunk - 0.02 else arms_before).append(
                (depth, side))
        if self.head.facing and facing:
            self.head.paint_back_hair(canvas, self.label(HAIR), self.outline,
                                      self.points['neck'])
        for _, side in sorted(arms_behind):
            self._paint_arm(canvas, side)
        legs = sorted((side for side, _ in SIDES),
                      key=lambda side: self.depths[f'{side}_knee'])
        for side in legs:
            self._paint_leg(canvas, side)
        self._paint_trunk(canvas)
        for _, side in sorted(arms_before):
            if not self._arm_is_raised(side):
                self._paint_arm(canvas, side)
        self._paint_head(canvas, facing)
        for _, side in sorted(arms_before):
            if self._arm_is_raised(side):
                self._paint_arm(canvas, side)
        self._paint_prop(canvas)

    def _arm_is_raised(self, side):
        return self.points[f'{side}_wrist'][1] < self.points['neck'][1]

    def _paint_head(self, canvas, facing):
        labels = {name: self.label(part) for name, part in
                  (('head', HEAD), ('hair', HAIR), ('left_ear', LEFT_EAR),
                   ('right_ear', RIGHT_EAR))}
        neck = 0.034 * self.scale * self.traits.girth
        canvas.limb(self.points['neck'], self.points['head'], neck,
                    neck * 0.9, shade(self.traits.skin, 0.93),
                    label=self.label(NECK), outline=self.outline)
        self.head.paint(canvas, labels, self.outline)
        if not (self.head.facing and facing):
            self.head.paint_back_hair(canvas, self.label(HAIR), self.outline,
                                      self.points['neck'])

    def _paint_arm(self, canvas, side):
        traits, scale = self.traits, self.scale
        upper, lower = ((LEFT_ARM, LEFT_FOREARM) if side == 'left' else
                        (RIGHT_ARM, RIGHT_FOREARM))
        shoulder, elbow, wrist, hand = (
            self.points[f'{side}_{joint}']
            for joint in ('shoulder', 'elbow', 'wrist', 'hand'))
        width = scale * traits.girth
        sleeve = traits.top
        forearm = shade(sleeve, 0.94) if traits.long_sleeves else traits.skin
        canvas.ellipse(hand, (0.026 * width, 0.026 * width), traits.skin,
                       label=self.label(lower), outline=self.outline)
        canvas.limb(elbow, wrist, 0.027 * width, 0.021 * width, forearm,
                    label=self.label(lower), outline=self.outline)
        canvas.limb(shoulder, elbow, 0.037 * width, 0.029 * width,
                    shade(sleeve, 0.9), label=self.label(upper),
                    outline=self.outline)

    def _paint_leg(self, canvas, side):
        traits, scale = self.traits, self.scale
        upper, lower = ((LEFT_THIGH, LEFT_SHIN) if side == 'left' else
                        (RIGHT_THIGH, RIGHT_SHIN))
        hip, knee, ankle, toe = (self.points[f'{side}_{joint}'] for joint in
                                 ('hip', 'knee', 'ankle', 'toe'))
        width = scale * traits.girth
        bare = traits.outfit in ('dress', 'skirt')
        thigh = traits.skin if bare else traits.bottom
        shin = (traits.skin if bare or traits.outfit == 'shorts' else
                shade(traits.bottom, 0.9))
        canvas.limb(ankle, toe, 0.026 * width, 0.024 * width, traits.shoes,
                    label=self.label(lower), outline=self.outline)
        canvas.limb(knee, ankle, 0.036 * width, 0.026 * width, shin,
                    label=self.label(lower), outline=self.outline)
        canvas.limb(hip, knee, 0.052 * width, 0.039 * width, thigh,
                    label=self.label(upper), outline=self.outline)

    def _paint_trunk(self, canvas):
        traits, scale = self.traits, self.scale
        width = scale * traits.girth
        pelvis, shirt = [], []
        for side, _ in SIDES:
            hip = self.points[f'{side}_hip']
            shoulder = self.points[f'{side}_shoulder']
            pelvis += [(hip, 0.049 * width)]
            shirt += [(shoulder, 0.036 * width),
                      (hip * 0.85 + shoulder * 0.15, 0.046 * width)]
        belly = self.points['pelvis'] * 0.7 + self.points['neck'] * 0.3
        outline = hull(shirt + [(belly, 1.25 * traits.belly * scale)])
        label = self.label(TORSO)
        canvas.polygon(hull(pelvis), traits.bottom, label=label)
        canvas.polygon(outline, traits.top, label=label, outline=self.outline)
        self._paint_pattern(canvas, outline)
        if traits.outfit in ('dress', 'skirt'):
            self._paint_skirt(canvas)

    def _paint_skirt(self, canvas):
        traits, width = self.traits, self.scale * self.traits.girth
        length = 0.92 if traits.outfit == 'dress' else 0.78
        skirt = dict(label=self.label(SKIRT), outline=self.outline)
        waist, hem, fold = [], [], []
        for side, _ in SIDES:
            hip, knee = self.points[f'{side}_hip'], self.points[f'{side}_knee']
            shoulder = self.points[f'{side}_shoulder']
            waist.append((hip * 0.75 + shoulder * 0.25, 0.034 * width))
            hem.append((hip + (knee - hip) * length, 0.064 * width))
            fold.append((hip + (knee - hip) * (length - 0.16), 0.064 * width))
        canvas.polygon(hull(waist + hem), shade(traits.bottom, 1.4), **skirt)
        canvas.polygon(hull(waist + fold), traits.bottom)
        (left, radius), (right, _) = waist
        along = np.sign(left[0] - right[0]) * np.array([radius, 0])
        canvas.line([left + along, right - along], shade(traits.bottom, 0.6),
                    0.024 * self.scale)

    def _paint_pattern(self, canvas, outline):
        traits = self.traits
        neck, pelvis = self.points['neck'], self.points['pelvis']
        light = shade(traits.top, 1.45)
        if traits.pattern == 'stripes':
            for step in (0.25, 0.42, 0.59):
                y = neck[1] * (1 - step) + pelvis[1] * step
                ends = _crossings(outline, y)
                if len(ends) == 2:
                    inset = 0.02 * self.scale
                    canvas.line([(min(ends) + inset, y),
                                 (max(ends) - inset, y)], light,
                                0.022 * self.scale)
        elif traits.pattern == 'buttons' and np.cos(self.pose.yaw) > 0:
            for step in (0.25, 0.42, 0.59):
                point = neck * (1 - step) + pelvis * step
                point = point + (0.06 * np.sin(self.pose.yaw) * self.scale, 0)
                radius = 0.011 * self.scale
                canvas.ellipse(point, (radius, radius), light)

    def _paint_prop(self, canvas):
        """A cane or a balloon; things are not part of the person's mask."""
        hand = self.points[f'{self.pose.prop_side}_hand']
        if self.traits.cane:
            floor = self.foot[1] + 0.02 * self.scale
            wood = (122, 78, 40)
            canvas.line([hand, (hand[0], floor)], wood, 0.026 * self.scale,
                        label=0)
            canvas.line([hand + (-0.03 * self.scale, 0),
                         hand + (0.03 * self.scale, 0)], wood,
                        0.026 * self.scale, label=0)
        if self.traits.balloon:
            middle = hand + (0.04 * self.scale, -0.34 * self.scale)
            radius = 0.1 * self.scale
            colour = mix((235, 60, 70), (70, 150, 235), self.traits.belly * 9)
            canvas.line([hand, middle], (90, 90, 90), 0.8, label=0)
            canvas.ellipse(middle, (radius, radius * 1.2), colour, label=0,
                           outline=self.outline)
            canvas.ellipse(middle - 0.35 * radius,
                           (0.2 * radius, 0.3 * radius), (255, 255, 255))
