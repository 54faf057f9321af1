from __future__ import annotations

import pytest
import ranks
import torch
from torch import nn

from rayworks.common.factored import FactoredDataParallel
from rayworks.fashion_mnist.model import Classifier

#: One of two ranks: the same two steps with both ways to exchange gradients.
RANK = """
import copy
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from rayworks.common.factored import FactoredDataParallel

torch.manual_seed(rank)  # the ranks begin with different weights: those of rank 0 must win
layers = [nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)]
models = {FactoredDataParallel: nn.Sequential(*layers)}
models[DistributedDataParallel] = copy.deepcopy(models[FactoredDataParallel])
after = {}
for parallel, model in models.items():
    arguments = (2,) if parallel is FactoredDataParallel else ()
    wrapped = parallel(model, *arguments)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = torch.Generator().manual_seed(10 + rank)
    for size in (7, 3):
        with torch.no_grad():
            wrapped(torch.ones(2, 6))  # an evaluation between two steps must not count
        inputs = torch.randn(size, 6, generator=batches)
        loss = nn.functional.cross_entropy(wrapped(inputs), torch.arange(size) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after[parallel] = [parameter.detach().clone() for parameter in model.parameters()]
for factored, reduced in zip(*after.values(), strict=True):
    torch.testing.assert_close(factored, reduced, rtol=1e-5, atol=1e-7)
sums = torch.stack([parameter.sum() for parameter in after[FactoredDataParallel]])
both = [torch.empty_like(sums) for _ in range(2)]
dist.all_gather(both, sums)
assert torch.equal(*both), "the ranks' weights differ"
print("same")
"""


@pytest.mark.slow
def test_two_ranks_step_as_with_distributed_data_parallel() -> None:
    assert ranks.run(RANK) == ["same\n", "same\n"]


def test_it_pays_for_few_samples_only() -> None:
    model = Classifier(0.25)
    assert FactoredDataParallel.pays(model, 32)
    assert not FactoredDataParallel.pays(model, 4096)


def test_other_parameters_are_named() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"linear layers: 0\.weight, 0\.bias"):
        FactoredDataParallel(model, 1)
    with pytest.raises(ValueError, match="alone"):
        FactoredDataParallel(nn.ParameterDict({"alone": torch.ones(1)}), 1)


def test_it_does_not_pay_for_what_it_cannot_do() -> None:
    assert not FactoredDataParallel.pays(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(2, 2)), 1)
