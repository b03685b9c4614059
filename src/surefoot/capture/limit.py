"""The end of a script that was to run for so many steps only."""


class StepLimit(SystemExit):
    """Raised after the last wanted step: the script ends as if it had come to its end."""

    def __init__(self) -> None:
        super().__init__(0)
