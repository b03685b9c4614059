"""House rules of a team: one function a rule, found by surefoot through the entry point in pyproject.toml."""

from collections.abc import Iterator

from surefoot.facts import Loader
from surefoot.records import History
from surefoot.rules import Draft, rule


@rule("acme-last-batch-small", severity="information", needs=(Loader,), since="1.0")
def acme_last_batch_small(history: History, *, share: float = 0.25) -> Iterator[Draft]:
    """The last batch of each epoch is much smaller than the others.

    ## What it finds
    A training loader that keeps a last batch of less than a quarter of the batch size (option `share`).

    ## Why it matters
    Its few examples weigh as much as a whole batch in the update, and batch norm sees only them.

    ## Evidence shown
    The number of examples, the batch size, the size of the last batch.

    ## What to try
    `drop_last=True` in the `DataLoader`.

    ## When to ignore it
    If every example must be seen in every epoch.

    ## Source
    House rule of the team.
    """
    for loader in history.facts(Loader):
        size, examples = loader.batch_size, loader.dataset_size
        if loader.phase != "train" or loader.drop_last or not size or not examples:
            continue
        last = examples % size
        if 0 < last < share * size:
            yield Draft(
                title=f"The last batch of each epoch has {last} examples, the others {size}.",
                fix="Set drop_last=True in the training DataLoader.",
                evidence={"examples": examples, "batch size": size, "last batch": last},
                where=loader.subject,
            )
