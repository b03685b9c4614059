"""Tests of the rule `graph-retained`."""

from dataclasses import replace

import numpy as np

from rules.build import Training, found
from surefoot.facts import GraphGrowth


def test_fires() -> None:
    spoiled = Training().fact(GraphGrowth, first_nodes=12, last_nodes=900, retain_graph=300)
    spoiled.metric("graph/nodes", np.linspace(12, 900, 40))
    assert "from 12 to 900" in found("graph-retained", spoiled)[0].title


def test_quiet() -> None:
    assert not found("graph-retained", Training())


def test_near_miss() -> None:
    # Longer episodes make larger graphs, without retain_graph.
    longer = Training().fact(GraphGrowth, first_nodes=12, last_nodes=900)
    assert not found("graph-retained", longer)
    # retain_graph for two losses on one graph that does not grow.
    assert not found("graph-retained", Training().fact(GraphGrowth, retain_graph=300))


def test_script_that_dies_of_it() -> None:
    died = Training()
    died.run = replace(
        died.run, error="RuntimeError: Trying to backward through the graph a second time (or ..."
    )
    assert found("graph-retained", died)[0].severity == "error"
