from __future__ import annotations

import pytest
import torch
from torch import nn

from rayworks.common.whole_batch import over_ranks, share


@pytest.mark.parametrize(
    ("count", "batch_size", "steps"), [(60, 12, 5), (61, 12, 6), (7, 12, 1), (5, 24, 1)]
)
def test_each_step_is_a_whole_batch_and_the_same_for_any_number_of_ranks(
    count: int, batch_size: int, steps: int
) -> None:
    alone = share(count, batch_size, 3, 5, 0, 1)
    assert len(alone) == steps * batch_size
    assert set(alone.tolist()) == set(range(count))
    seen = alone.bincount()
    assert seen.max() - seen.min() <= 1, "those that come again do so equally often"
    for world_size in (2, 3, 4):
        shares = [share(count, batch_size, 3, 5, rank, world_size) for rank in range(world_size)]
        assert torch.equal(torch.stack(shares, dim=1).flatten(), alone)


def test_each_epoch_and_seed_has_its_order() -> None:
    orders = {
        tuple(share(60, 4, seed, epoch, 0, 1).tolist()) for seed in (0, 1) for epoch in (1, 2)
    }
    assert len(orders) == 4


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Dropout(0.5)
        self.rest = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.25))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.rest(self.first(inputs))
        return out


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_drop_what_one_process_drops(world_size: int) -> None:
    inputs = torch.rand(12, 6) + 1
    outputs = []
    for rank, ranks in [(0, 1), *((rank, world_size) for rank in range(world_size))]:
        torch.manual_seed(0)
        network = Nested()
        over_ranks(network, rank, ranks)
        torch.manual_seed(1)
        steps = [network(inputs[rank::ranks]) for _ in range(2)]
        assert not torch.equal(*steps), "each step draws anew"
        outputs.append(steps[1])
    alone, *shares = outputs
    assert torch.allclose(torch.stack(shares, dim=1).flatten(0, 1), alone, atol=1e-5)


def test_dropout_drops_its_share_and_keeps_the_mean_and_nothing_where_it_only_measures() -> None:
    network = nn.Sequential(nn.Dropout(0.25))
    over_ranks(network, 1, 2)
    ones = torch.ones(400, 100)
    out = network(ones)
    assert (out == 0).double().mean() == pytest.approx(0.25, abs=0.01)
    assert out.mean() == pytest.approx(1, abs=0.02)
    assert torch.equal(network.eval()(ones), ones)


def test_names_of_the_state_stay() -> None:
    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.1))

    plain, shared = network(), network()
    over_ranks(shared, 0, 2)
    shared.load_state_dict(plain.state_dict())
    inputs = torch.rand(5, 2)
    assert torch.equal(shared.eval()(inputs), plain.eval()(inputs))
