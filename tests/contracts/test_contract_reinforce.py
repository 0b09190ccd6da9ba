"""REINFORCE: the batches come from acting with the policy that is being learned."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from contract_kit import batch, loop_of, same_bits, seed_as_the_loop_does
from netwright.data.source import Resume, Source
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage


class Corridor:
    """Walk from the middle of five places to the right end; each step costs."""

    def __init__(self, walkers=8, *, seed=3):
        self.walkers = walkers
        self.chance = torch.Generator().manual_seed(seed)

    def episode(self, act):
        place = torch.full((self.walkers,), 2)
        seen, done, rewards = [], [], []
        for _ in range(6):
            action = act(nn.functional.one_hot(place, 5).float())
            slips = torch.rand(self.walkers, generator=self.chance) < 0.1
            seen.append(place)
            done.append(action)
            place = (place + torch.where(slips, 0, 2 * action - 1)).clamp(0, 4)
            rewards.append((place == 4).float() - 0.1)
        returns = torch.stack(rewards).flip(0).cumsum(0).flip(0)
        seen = nn.functional.one_hot(torch.stack(seen), 5).float()
        return seen.flatten(0, 1), torch.stack(done).flatten(), returns.flatten()


class Acting(Source):
    resume, length = Resume.STATEFUL, None

    def __init__(self):
        self.world = Corridor()

    def next(self, position, act=None):
        states, actions, returns = self.world.episode(act)
        return batch(states, (actions, returns))

    def state_dict(self):
        return {"chance": self.world.chance.get_state()}

    def load_state_dict(self, state):
        self.world.chance.set_state(state["chance"])


class Reinforce(Method):
    def __init__(self, policy, *, fresh=True):
        super().__init__()
        self.policy = policy
        self.frozen = None if fresh else [p.detach().clone() for p in policy.parameters()]

    def stages(self):
        return (Stage(source="world", steps=30, act=self.act),)

    def phases(self, stage):
        return (Phase(name="policy", optimizers=("main",), loss=self.loss),)

    @torch.no_grad()
    def act(self, states):
        logits = self.policy(states) if self.frozen is None else states @ self.frozen[0].T
        return torch.distributions.Categorical(logits=logits).sample()

    def loss(self, batch):
        actions, returns = batch.targets
        chosen = torch.distributions.Categorical(logits=self.policy(batch.inputs))
        return Loss(total=-(chosen.log_prob(actions) * returns).sum(), count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.policy(inputs).argmax(1))


def policy():
    torch.manual_seed(1)
    return nn.Linear(5, 2, bias=False)


def by_hand():
    net, world = policy(), Corridor()

    def act(states):
        with torch.no_grad():
            return torch.distributions.Categorical(logits=net(states)).sample()

    seed_as_the_loop_does()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, fused=True)
    for _ in range(30):
        states, actions, returns = world.episode(act)
        chosen = torch.distributions.Categorical(logits=net(states))
        loss = -(chosen.log_prob(actions) * returns).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


@pytest.mark.parametrize("fresh", [True, False])
def test_reinforce_is_the_loop_written_by_hand(fresh):
    method = Reinforce(policy(), fresh=fresh)
    optimizer = {"name": "sgd", "learning_rate": 0.5}
    loop_of(method, {"world": Acting()}, optimizer=optimizer).run()
    # acting with the policy of the first day breaks the equality
    assert same_bits(method.policy, by_hand()) is fresh
    right = method.policy(torch.eye(5)).softmax(1)[2, 1]
    assert right > 0.7  # and it has learned to walk to the right
