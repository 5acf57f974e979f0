"""Who lives in the synthetic world: one class per category."""

from __future__ import annotations

from stmask_core.training.synthetic.figures.figure import Figure
from stmask_core.training.synthetic.figures.flyers import Airplane, Parrot
from stmask_core.training.synthetic.figures.person import Person
from stmask_core.training.synthetic.figures.quadruped import Dog, Elephant, Giraffe
from stmask_core.training.synthetic.figures.sedan import Sedan
from stmask_core.training.synthetic.figures.small_animals import Duck, Rabbit, Snake
from stmask_core.training.synthetic.figures.swimmers import Fish, Turtle

FIGURES: dict[str, type[Figure]] = {
    kind.name: kind
    for kind in (
        Person, Parrot, Sedan, Dog, Snake, Rabbit, Duck, Fish, Turtle, Giraffe, Airplane, Elephant,
    )
}  # fmt: skip
