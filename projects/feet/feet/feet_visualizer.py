from matplotlib.patches import Ellipse

from mmhqnet.registry import VISUALIZERS
from mmhqnet.visualization import HumanLocalVisualizer
from mmhqnet.visualization.person import Person


@VISUALIZERS.register_module()
class FeetVisualizer(HumanLocalVisualizer):
    """A flat circle on the ground around each foot."""

    def draw_fields(self, person: Person) -> None:
        """Draw the feet, and everything else as before."""
        for x, y in person.points.pop('feet', ()):
            width = 0.2 * person.side
            self.add(
                Ellipse((x, y),
                        width,
                        width / 3,
                        fill=False,
                        edgecolor='white',
                        linewidth=self.points(2 * self.unit(person))))
        super().draw_fields(person)
